// The operator's workplace: looks again when it is told to, counts the clocks, shows the external page of the call that
// is talked, and gives signs of life.
(() => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const main = document.querySelector("[data-work]");
  const token = () => document.querySelector('meta[name="csrf-token"]').content;
  const title = document.title;
  const ALIVE_MS = 20000;
  let lastAlive = 0;
  let pane = "";
  let looking = 0;
  let asking = 0;
  let again = false;

  function look() {
    if (looking) return;
    looking = setTimeout(() => {
      looking = 0;
      again = asking > 0;
      if (again) return;
      htmx.ajax("GET", "/workplace/panel", { target: "#work-panel", swap: "outerHTML" });
      htmx.trigger(document.body, "operator-message");
    }, 60);
  }

  async function alive() {
    if (Date.now() - lastAlive < 5000) return;
    lastAlive = Date.now();
    const answer = await fetch("/workplace/alive", { method: "POST", headers: { "X-CSRF-Token": token() } }).catch(() => null);
    lost(!answer);
    if (!answer) return;
    if (answer.status === 401 || answer.status === 403 || answer.redirected) { location.reload(); return; }
    if (!answer.ok) return;
    const told = await answer.json();
    if (!told.signed_in && document.querySelector(".sw-work-state")) look();
  }
  const lost = (is) => { at("work-lost").hidden = !is; };

  // --- clocks: of the server's instants, corrected by how far this computer's clock is off -------------------
  const two = (number) => String(number).padStart(2, "0");
  function shown(seconds) {
    const left = Math.max(0, Math.round(seconds));
    const hours = Math.floor(left / 3600);
    const rest = `${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
    return hours ? `${hours}:${rest}` : rest;
  }
  function tick() {
    for (const clock of document.querySelectorAll(".sw-work-clock")) {
      const { since, until } = clock.dataset;
      const text = since ? shown((Date.now() - Date.parse(since)) / 1000) : shown((Date.parse(until) - Date.now()) / 1000);
      if (clock.textContent !== text) clock.textContent = text;
    }
  }

  // --- the right pane ----------------------------------------------------------------------------------------
  function showPane() {
    const panel = at("work-panel");
    const state = panel.dataset.state;
    document.title = (state === "ringing" ? "☎ " : "") + title;
    const url = panel.dataset.pane || "";
    const call = panel.dataset.call || "";
    if (!url || pane === call) return;
    pane = call;
    const allowed = main.dataset.origins.split(" ").includes(new URL(url).origin);
    const reloaded = sessionStorage.getItem("work-reloaded");
    if (!allowed && reloaded !== call) {  // the group's address is newer than this page
      sessionStorage.setItem("work-reloaded", call);
      location.reload();
      return;
    }
    closePane();
    at("work-pane-empty").hidden = true;
    at("work-pane-head").hidden = false;
    at("work-pane-url").textContent = url;
    at("work-pane-open").href = url;
    if (!allowed) return;
    const frame = at("work-pane-frame").content.firstElementChild.cloneNode();
    frame.src = url;
    at("work-pane-head").after(frame);
  }
  function closePane() {
    if (at("work-pane")) at("work-pane").remove();
    at("work-pane-head").hidden = true;
    at("work-pane-empty").hidden = false;
  }
  at("work-pane-close").addEventListener("click", closePane);

  document.addEventListener("htmx:afterSettle", () => { tick(); showPane(); });
  // While a button's answer is awaited, the panel with the button is not drawn anew: the answer would find it gone.
  const isPost = (e) => e.detail.requestConfig.verb === "post";
  const isLook = (e) => e.detail.requestConfig.path === "/workplace/panel";
  document.addEventListener("htmx:beforeRequest", (e) => { if (isPost(e)) asking += 1; });
  document.addEventListener("htmx:beforeSwap", (e) => {
    if (isLook(e) && asking) { e.detail.shouldSwap = false; again = true; }
  });
  document.addEventListener("htmx:afterRequest", (e) => {
    if (!isPost(e)) return;
    asking = Math.max(0, asking - 1);
    if (again) look();
  });
  setInterval(tick, 500);
  setInterval(alive, ALIVE_MS);
  const events = new EventSource("/workplace/live");
  events.addEventListener("look", look);
  events.addEventListener("ping", alive);
  events.addEventListener("queue", (e) => {
    const told = JSON.parse(e.data);
    const place = document.querySelector(`[data-queue="${Number(told.group)}"]`);
    if (place) place.textContent = told.length;
  });
  events.addEventListener("error", () => { if (events.readyState === EventSource.CLOSED) location.reload(); else lost(true); });
  events.addEventListener("open", () => lost(false));
  addEventListener("pagehide", () => events.close());
  tick();
  showPane();
  alive();
})();
