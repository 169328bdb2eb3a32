// The pool's pages: folding groups, what a selection allows, the list of groups in a form.
(function () {
  "use strict";
  const doc = document;
  const all = (selector, from) => Array.from((from || doc).querySelectorAll(selector));

  doc.addEventListener("click", (e) => {
    const button = e.target.closest("[data-fold]");
    if (!button) return;
    const folded = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!folded));
    doc.getElementById(button.dataset.fold).hidden = folded;
  });

  // "Remove from group" makes no sense for domains that are in none
  function allow() {
    const button = doc.querySelector("[data-needs-group]");
    if (!button) return;
    const every = !doc.querySelector('.sw-bulk input[name="all"]').disabled;
    const ticked = all('input[name="ids"]:checked');
    button.disabled = !every && ticked.length > 0 && ticked.every((one) => "ungrouped" in one.dataset);
    button.title = button.disabled ? button.getAttribute("title-off") : "";
  }
  for (const event of ["click", "change"]) doc.addEventListener(event, () => setTimeout(allow));
  doc.addEventListener("htmx:afterSettle", allow);
  doc.addEventListener("htmx:afterSwap", () => { // rows that come later belong to "select all" too
    const every = doc.querySelector('.sw-bulk input[name="all"]');
    if (every && !every.disabled) all('input[name="ids"]').forEach((one) => { one.checked = true; });
  });

  doc.addEventListener("input", (e) => {
    if (!e.target.matches("[data-pick-search]")) return;
    const word = e.target.value.trim().toLowerCase();
    for (const label of all("label", e.target.closest("[data-pick]"))) label.hidden = !label.textContent.toLowerCase().includes(word);
  });
  doc.addEventListener("change", (e) => {
    if (!e.target.matches('input[name="is_supervisor"]')) return;
    for (const box of all("[data-not-supervisor]")) box.hidden = e.target.checked;
  });
})();
