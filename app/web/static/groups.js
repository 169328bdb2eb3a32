// Groups: what belongs to an algorithm is shown with it; an ACD group without operators is warned about [GRP-25, GRP-48].
(function () {
  "use strict";
  const doc = document;
  function show(form) {
    const algorithm = form.querySelector('[name="algorithm"]').value;
    const kind = algorithm.startsWith("acd_") ? "acd" : algorithm;
    form.querySelectorAll("[data-algorithm]").forEach((one) => { one.hidden = one.dataset.algorithm !== kind; });
    const warning = form.querySelector("[data-no-operators]");
    if (!warning) return;
    const hints = Array.from(form.querySelectorAll('[data-two-list="to"] li small'));
    warning.hidden = kind !== "acd" || hints.some((one) => one.textContent.split(" · ").includes(warning.dataset.noOperators));
  }
  const all = () => doc.querySelectorAll("form:has([data-group-form])").forEach(show);
  for (const kind of ["input", "change"]) {
    doc.addEventListener(kind, (e) => {
      const form = e.target.closest && e.target.closest("form:has([data-group-form])");
      if (form) show(form);
    });
  }
  doc.addEventListener("htmx:afterSettle", all);
  all();
})();
