// Reports: quick periods, and chips for what is chosen of many.
(() => {
  "use strict";
  const doc = document;

  function option(box, id) {
    return [...box.querySelector("select").options].find((one) => one.value === id);
  }

  function add(box, id) {
    const chosen = option(box, id);
    if (!chosen || chosen.disabled) return;
    const chip = box.querySelector("template").content.firstElementChild.cloneNode(true);
    chip.dataset.reportChip = id;
    chip.firstElementChild.textContent = chosen.textContent;
    const button = chip.querySelector("button");
    button.setAttribute("aria-label", button.title + ": " + chosen.textContent);
    chip.querySelector("input").value = id;
    box.querySelector("[data-report-chips]").append(chip);
    chosen.hidden = chosen.disabled = true;
  }

  doc.addEventListener("change", (e) => {
    const box = e.target.closest("[data-report-many]");
    if (!box || e.target.tagName !== "SELECT") return;
    const ids = e.target.value === "*" ? [...e.target.options].map((one) => one.value).filter((one) => one && one !== "*")
      : [e.target.value];
    ids.forEach((id) => add(box, id));
    e.target.value = "";
  });

  doc.addEventListener("click", (e) => {
    const drop = e.target.closest("[data-report-drop]");
    if (drop) {
      const box = drop.closest("[data-report-many]");
      const chip = drop.closest("[data-report-chip]");
      const chosen = option(box, chip.dataset.reportChip);
      chosen.hidden = chosen.disabled = false;
      chip.remove();
      box.querySelector("select").focus();
    }
    const preset = e.target.closest("[data-report-preset]");
    if (preset) {
      const form = preset.closest("form");
      form.elements.from.value = preset.dataset.from;
      form.elements.to.value = preset.dataset.to;
    }
  });
})();
