// Journals of one user: quick periods fill the dates, recordings play in the page.
(function () {
  "use strict";
  const field = (form, name) => form.elements[name];
  document.addEventListener("change", (e) => {
    const form = e.target.closest("#journal-form");
    if (!form) return;
    if (e.target.name === "period") {
      const start = JSON.parse(form.dataset.starts)[e.target.value];
      field(form, "from").value = start || "";
      field(form, "to").value = start ? form.dataset.today : "";
    } else if (e.target.name === "from" || e.target.name === "to") {
      field(form, "period").value = "";
    }
  });
  document.addEventListener("click", (e) => {
    const button = e.target.closest("[data-play]");
    if (!button) return;
    const cell = button.parentElement;
    const open = cell.querySelector("audio");
    for (const other of document.querySelectorAll(".sw-audio audio")) other.remove();
    if (open) return;
    const player = Object.assign(document.createElement("audio"), { controls: true, autoplay: true, src: button.dataset.play });
    cell.append(player);
  });
})();
