// Schemes of numbers: rules are put in order by dragging or by the arrow keys; windows of a rule and of a number.
(function () {
  "use strict";
  const closest = (e, selector) => e.target.closest && e.target.closest(selector);
  const ids = (list) => Array.from(list.children, (one) => one.dataset.rule);
  let dragged = null, before = "", waiting = 0;

  function send(list) {
    if (ids(list).join() === before) return;
    before = ids(list).join();
    window.htmx.ajax("POST", list.dataset.rules, { values: { order: ids(list) }, swap: "none", source: list });
  }

  document.addEventListener("pointerdown", (e) => {
    const handle = closest(e, "[data-rule-handle]");
    if (!handle || e.button) return;
    dragged = handle.closest("[data-rule]");
    before = ids(dragged.parentElement).join();
    handle.setPointerCapture(e.pointerId);
    dragged.classList.add("is-dragged");
  });
  document.addEventListener("pointermove", (e) => {
    if (!dragged) return;
    const list = dragged.parentElement, others = Array.from(list.children).filter((one) => one !== dragged);
    const next = others.find((one) => {
      const box = one.getBoundingClientRect();
      return e.clientY < box.top + box.height / 2;
    });
    if (dragged.nextElementSibling !== (next || null)) list.insertBefore(dragged, next || null);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    document.addEventListener(kind, () => {
      if (!dragged) return;
      dragged.classList.remove("is-dragged");
      const list = dragged.parentElement;
      dragged = null;
      send(list);
    });
  }
  document.addEventListener("keydown", (e) => {
    const handle = closest(e, "[data-rule-handle]");
    if (!handle || (e.key !== "ArrowUp" && e.key !== "ArrowDown")) return;
    e.preventDefault();
    const row = handle.closest("[data-rule]"), list = row.parentElement;
    const other = e.key === "ArrowUp" ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    if (!waiting) before = ids(list).join();
    if (e.key === "ArrowUp") list.insertBefore(row, other); else list.insertBefore(other, row);
    handle.focus();
    clearTimeout(waiting);
    waiting = setTimeout(() => { waiting = 0; send(list); }, 600);
  });

  // a condition that is switched off hides its fields; of the two lists of a number one is on at most
  document.addEventListener("change", (e) => {
    const when = closest(e, "[data-when]");
    if (when && e.target.matches('[role="switch"], .form-switch input')) {
      when.querySelector("[data-when-body]").hidden = !e.target.checked;
    }
    const pair = closest(e, "[data-one-of]");
    if (!pair || e.target.type !== "checkbox") return;
    for (const one of pair.querySelectorAll('[type="checkbox"]')) if (one !== e.target && e.target.checked) one.checked = false;
    const empty = document.querySelector("[data-white-empty]");
    if (empty) empty.hidden = !pair.querySelector('[name="whitelist"]').checked;
  });

  // prefixes: a space becomes a comma
  document.addEventListener("input", (e) => {
    if (closest(e, ".sw-prefixes")) e.target.value = e.target.value.replace(/[\s,]+/g, ",").replace(/^,/, "");
  });
})();
