// Hours of a contact number: rows of days and times, added and removed one by one.
(function () {
  "use strict";
  const closest = (e, selector) => e.target.closest && e.target.closest(selector);

  function refresh(box) {
    const count = box.querySelectorAll("[data-periods] [data-period]").length;
    for (const one of box.querySelectorAll("[data-always]")) one.hidden = count > 0;
    for (const one of box.querySelectorAll("[data-period-none]")) one.hidden = count === 0;
    box.querySelector("[data-period-add]").disabled = count >= Number(box.dataset.max);
  }

  document.addEventListener("click", (e) => {
    const box = closest(e, "[data-schedule]");
    if (!box) return;
    if (closest(e, "[data-period-add]")) {
      const row = box.querySelector("template").content.cloneNode(true);
      box.querySelector("[data-periods]").append(row);
    } else if (closest(e, "[data-period-remove]")) {
      closest(e, "[data-period]").remove();
    } else if (closest(e, "[data-period-whole]")) {
      for (const field of closest(e, "[data-period]").querySelectorAll('[type="time"]')) field.value = "00:00";
    } else if (closest(e, "[data-period-none]")) {
      box.querySelector("[data-periods]").replaceChildren();
    } else return;
    refresh(box);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  });

  document.addEventListener("change", (e) => {
    const row = closest(e, "[data-period]");
    if (!row || !closest(e, "[data-day]")) return;
    const chosen = [...row.querySelectorAll("[data-day]:checked")].map((one) => one.dataset.day);
    row.querySelector('input[name="days"]').value = chosen.join("");
  });
})();
