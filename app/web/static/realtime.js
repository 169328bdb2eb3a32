// Live tables: looks again when the server tells of a change, and lets times in a state tick [RT-02].
(() => {
  "use strict";
  const shown = (s) => `${Math.floor(s / 3600)}:${String(Math.floor(s / 60) % 60).padStart(2, "0")}:${String(s % 60).padStart(2, "0")}`;
  const since = new WeakMap();
  setInterval(() => {
    for (const one of document.querySelectorAll("[data-ticks]")) {
      if (!since.has(one)) since.set(one, performance.now() - 1000 * Number(one.dataset.ticks));
      const text = shown(Math.max(0, Math.floor((performance.now() - since.get(one)) / 1000)));
      if (one.textContent !== text) one.textContent = text;
    }
  }, 250);

  const place = document.querySelector("[data-live-stream]");
  if (!place) return;
  const events = new EventSource(place.dataset.liveStream);
  let planned = 0;
  let last = 0;
  events.addEventListener("look", () => {
    if (planned) return; // a busy company: a few times a second at most
    planned = setTimeout(() => {
      planned = 0;
      last = Date.now();
      htmx.trigger(document.body, "live-look");
    }, Math.max(0, last + 300 - Date.now()));
  });
  addEventListener("pagehide", () => events.close());
})();
