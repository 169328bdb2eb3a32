// The group bar of recording tells how many of the selected users each operation would change, of all users of the
// domain; a switch changes only by its dialog, and so does the term of storage.
(function () {
  "use strict";
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  function count() {
    const bar = document.querySelector(".sw-bulk"), head = document.getElementById("recording-head");
    if (!bar || !head) return;
    const every = !bar.querySelector('[name="all"]').disabled, facts = head.dataset;
    const rows = all('[name="ids"]:checked').map((box) => box.closest("tr"));
    const ticked = (name) => rows.filter((row) => row.querySelector(`[${name}]:checked`)).length;
    const total = every ? +facts.found : rows.length;
    const on = every ? +facts.foundOn : ticked("data-recording");
    const analysed = every ? +facts.foundAnalysed : ticked("data-analysis");
    const shown = { enable: total - on, disable: on, analyse: total - analysed, plain: analysed };
    for (const button of all("[hx-get]", bar)) {
      const n = shown[button.getAttribute("hx-get").split("?")[0].split("/").pop()];
      if (n === undefined) continue;
      let mark = button.querySelector("[data-n]");
      if (!mark) {
        mark = Object.assign(document.createElement("span"), { className: "ms-1" });
        mark.dataset.n = "";
        button.append(mark);
      }
      mark.textContent = `(${n})`;
      button.hidden = n === 0;
    }
    bar.querySelector(".sw-bulk-count").textContent = bar.dataset.text.replace("{n}", total).replace("{m}", facts.users);
  }
  const later = () => setTimeout(count, 0);
  for (const kind of ["change", "click", "htmx:afterSettle"]) document.addEventListener(kind, later);
  document.addEventListener("click", (e) => {
    if (e.target.matches("[data-recording], [data-analysis]")) e.preventDefault();
  });
  document.addEventListener("htmx:afterRequest", (e) => {
    if (e.target.id === "recording-term") e.target.value = e.target.dataset.term;
  });
})();
