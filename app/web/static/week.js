// A week grid (168 hours): cells by mouse, touch or arrow keys, whole days and hours, presets. Everything is delegated.
(function () {
  "use strict";
  const doc = document;
  const cells = (box) => Array.from(box.querySelectorAll("[data-week-cell]"));
  const isOn = (cell) => cell.getAttribute("aria-pressed") === "true";
  const set = (cell, on) => cell.setAttribute("aria-pressed", String(on));
  let painting = null; // {box, on} while the pointer is down

  function keep(box) {
    const all = cells(box);
    const count = all.filter(isOn).length;
    const field = box.querySelector("input[type=hidden]");
    field.value = all.map((cell) => (isOn(cell) ? "1" : "0")).join("");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    const sum = box.closest("details").querySelector("[data-week-sum]");
    sum.textContent = count === all.length ? sum.dataset.always : sum.dataset.hours.replace("{n}", count);
  }

  function toggle(box, some) {
    const on = !some.every(isOn);
    some.forEach((cell) => set(cell, on));
    keep(box);
  }

  function preset(box, text) {
    const [days, hours] = text.split(" ").map((part) => part.split("-").map(Number));
    cells(box).forEach((cell, index) => {
      const day = Math.floor(index / 24) + 1, hour = index % 24;
      set(cell, Boolean(text) && day >= days[0] && day <= days[1] && hour >= hours[0] && hour < hours[1]);
    });
    keep(box);
  }

  doc.addEventListener("pointerdown", (e) => {
    const cell = e.target.closest && e.target.closest("button[data-week-cell]");
    if (!cell || e.button) return;
    const box = cell.closest("[data-week]");
    painting = { box, on: !isOn(cell) };
    if (e.target.hasPointerCapture && e.target.hasPointerCapture(e.pointerId)) e.target.releasePointerCapture(e.pointerId);
    set(cell, painting.on);
    keep(box);
  });
  doc.addEventListener("pointerover", (e) => {
    if (!painting || !e.target.closest) return;
    const cell = e.target.closest("button[data-week-cell]");
    if (cell && painting.box.contains(cell) && isOn(cell) !== painting.on) { set(cell, painting.on); keep(painting.box); }
  });
  for (const name of ["pointerup", "pointercancel"]) doc.addEventListener(name, () => { painting = null; });

  doc.addEventListener("click", (e) => {
    const box = e.target.closest && e.target.closest("[data-week]");
    if (!box) return;
    const day = e.target.closest("[data-week-day]"), hour = e.target.closest("[data-week-hour]");
    const ready = e.target.closest("[data-week-set]"), cell = e.target.closest("button[data-week-cell]");
    if (ready) preset(box, ready.dataset.weekSet);
    else if (day) toggle(box, cells(box).slice(day.dataset.weekDay * 24, day.dataset.weekDay * 24 + 24));
    else if (hour) toggle(box, cells(box).filter((one, index) => index % 24 === Number(hour.dataset.weekHour)));
    else if (cell && e.detail === 0) toggle(box, [cell]); // by keyboard; the pointer has painted already
  });

  doc.addEventListener("keydown", (e) => {
    const cell = e.target.closest && e.target.closest("button[data-week-cell]");
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -24, ArrowDown: 24 }[e.key];
    if (!cell || !step) return;
    const next = cells(cell.closest("[data-week]"))[Number(cell.dataset.weekCell) + step];
    if (!next) return;
    e.preventDefault();
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
})();
