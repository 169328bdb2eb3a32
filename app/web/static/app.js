// The panel's behaviour: everything is delegated from the document, so swapped fragments need no set-up.
(function () {
  "use strict";
  const doc = document;
  const $ = (selector, from) => (from || doc).querySelector(selector);
  const $$ = (selector, from) => Array.from((from || doc).querySelectorAll(selector));
  const body = () => doc.body.dataset;
  const token = () => $('meta[name="csrf-token"]').content;
  const cookie = (name) => (doc.cookie.split("; ").find((one) => one.startsWith(name + "=")) || "").slice(name.length + 1);
  const on = (event, selector, act) =>
    doc.addEventListener(event, (e) => {
      const found = e.target.closest && e.target.closest(selector);
      if (found) act(found, e);
    });

  // --- toasts -----------------------------------------------------------------------------------
  function toast(text, kind) {
    const box = doc.createElement("div");
    box.className = "sw-toast sw-toast-" + (kind || "info");
    box.textContent = text;
    $("#toasts").append(box);
    if (modal().open) modal().append($("#toasts")); // above the dialog, which is in the top layer
    const close = () => box.remove();
    box.addEventListener("click", close);
    setTimeout(close, kind === "danger" ? 12000 : 5000);
  }
  doc.addEventListener("toast", (e) => toast(e.detail.text, e.detail.kind));
  const flash = cookie("flash").replace(/^"|"$/g, "");
  if (flash) {
    doc.cookie = "flash=; path=/; max-age=0; samesite=lax";
    try {
      const bytes = Uint8Array.from(atob(flash.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
      const told = JSON.parse(new TextDecoder().decode(bytes));
      toast(told.text, told.kind);
    } catch (broken) { /* a cookie that is not ours */ }
  }

  for (const tab of $$(".sw-tabs .active")) { // on a narrow screen the row of tabs begins where one is
    const row = tab.parentElement;
    row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
  }

  const leap = $("form[data-autosubmit]");
  if (leap) leap.submit();

  // --- requests ---------------------------------------------------------------------------------
  doc.addEventListener("htmx:configRequest", (e) => {
    e.detail.headers["X-CSRF-Token"] = token();
    if (e.detail.elt.id === "list-form") {
      for (const name of Object.keys(e.detail.parameters)) {
        if (e.detail.parameters[name] === "") delete e.detail.parameters[name];
      }
    }
  });
  doc.addEventListener("submit", (e) => {
    if (e.target.matches("[data-csrf]")) {
      let field = $('input[name="csrf_token"]', e.target);
      if (!field) {
        field = Object.assign(doc.createElement("input"), { type: "hidden", name: "csrf_token" });
        e.target.append(field);
      }
      field.value = token();
    }
    const here = e.target.dataset.here;
    if (here) e.target.elements[here].value = location.pathname + location.search;
    if (e.target.matches("[data-guard]")) e.target.dataset.sent = "1";
  }, true);
  doc.addEventListener("htmx:responseError", (e) => showProblem(e.detail.elt, e.detail.xhr));
  doc.addEventListener("htmx:sendError", () => toast(body().offline, "danger"));
  doc.addEventListener("htmx:beforeRequest", (e) => {
    const form = e.detail.elt.closest("form");
    if (form) clearProblems(form);
  });

  function clearProblems(form) {
    $$(".is-invalid", form).forEach((one) => { one.classList.remove("is-invalid"); one.removeAttribute("aria-invalid"); });
    $$("[data-field-error]", form).forEach((one) => { one.textContent = ""; one.classList.remove("d-block"); });
    const slot = $("[data-form-result]", form);
    if (slot) slot.replaceChildren();
  }

  function showProblem(source, xhr) {
    if (xhr.getResponseHeader("HX-Redirect")) return;
    const answer = new DOMParser().parseFromString(xhr.responseText || "", "text/html");
    const problem = $("[data-problem]", answer);
    const text = problem ? problem.textContent.trim() : xhr.status + " " + xhr.statusText;
    const form = source.closest("form.sw-form");
    if (!form) return toast(text, "danger");
    delete form.dataset.sent;
    let homeless = "";
    for (const one of $$("template[data-field]", answer)) {
      const box = $('[data-field-box="' + CSS.escape(one.dataset.field) + '"]', form);
      const said = one.content.textContent;
      if (!box) { homeless += " " + said; continue; }
      const input = $("input, select, textarea", box);
      const error = $("[data-field-error]", box);
      error.textContent = said;
      error.classList.add("d-block");
      if (input) {
        input.classList.add("is-invalid");
        input.setAttribute("aria-invalid", "true");
      }
    }
    const first = $(".is-invalid", form); // the uppermost one
    const slot = $("[data-form-result]", form);
    if (slot && problem && (!first || homeless)) {
      if (homeless) problem.append(homeless);
      slot.replaceChildren(doc.importNode(problem, true));
      if (!first) slot.scrollIntoView({ block: "nearest" });
    } else if (!slot && !first) toast(text, "danger");
    if (first) first.focus();
  }

  // --- the dialog -------------------------------------------------------------------------------
  const modal = () => $("#modal");
  let opener = null; // what the dialog was opened with
  doc.addEventListener("htmx:afterSwap", (e) => {
    if (e.detail.target.id !== "modal-body") return;
    if (!modal().open) {
      opener = e.detail.requestConfig ? e.detail.requestConfig.elt : doc.activeElement;
      modal().showModal();
    }
    const first = $("[autofocus], .is-invalid", modal()) || $("input:not([type=hidden]):not([disabled]), select, textarea", $(".sw-modal-body", modal()) || modal());
    if (first) first.focus();
    else if (!modal().contains(doc.activeElement)) ($("[type=submit], a.btn, button", $("#modal-body")) || modal()).focus();
  });
  function closeModal(force) {
    if (!modal().open) return true;
    if (!force && isDirty(modal()) && !confirm(body().leave)) return false;
    doc.body.append($("#toasts"));
    modal().close();
    $("#modal-body").replaceChildren();
    if (doc.activeElement === doc.body && opener) { // it stands in a menu of its row that is closed by now
      const menu = opener.closest("details.sw-drop");
      if (menu) $("summary", menu).focus();
      else opener.focus();
    }
    return true;
  }
  on("click", "[data-modal-close]", () => closeModal(false));
  doc.addEventListener("cancel", (e) => { if (e.target.id === "modal") { e.preventDefault(); closeModal(false); } }, true);
  on("mousedown", "#modal", (box, e) => { if (e.target === box) closeModal(false); });
  doc.addEventListener("modal-close", () => closeModal(true));

  // A list that was swapped takes the link with it that was pressed; a sorted column is found by its id.
  doc.addEventListener("htmx:afterSettle", (e) => {
    const pressed = e.detail.requestConfig && e.detail.requestConfig.elt;
    if (!pressed || pressed.isConnected || doc.activeElement !== doc.body || !pressed.closest("#list-results")) return;
    const next = $("#list-results .sw-chip, #list-form .sw-filter, #list-form input[type=search]");
    if (next) next.focus();
  });

  // --- unsaved changes --------------------------------------------------------------------------
  const isDirty = (from) => $$("form[data-guard][data-dirty]", from).some((form) => !form.dataset.sent);
  doc.addEventListener("input", (e) => { const form = e.target.closest("form[data-guard]"); if (form) form.dataset.dirty = "1"; });
  doc.addEventListener("htmx:afterRequest", (e) => {
    const form = e.detail.elt.closest && e.detail.elt.closest("form[data-guard]");
    if (form && e.detail.elt === form) { if (e.detail.successful) delete form.dataset.dirty; delete form.dataset.sent; }
  });
  addEventListener("beforeunload", (e) => { if (isDirty(doc)) e.preventDefault(); });

  // --- drop-downs, menu, theme --------------------------------------------------------------------
  doc.addEventListener("click", (e) => {
    for (const open of $$("details.sw-drop[open]")) if (!open.contains(e.target)) open.open = false;
  });
  doc.addEventListener("keydown", (e) => {
    if (e.key === "Escape") {
      const open = $("details.sw-drop[open]");
      if (open) { open.open = false; $("summary", open).focus(); }
      doc.body.classList.remove("sw-menu-open");
    }
    if (e.key === "/" && !e.target.closest("input, textarea, select, [contenteditable]") && $("#list-search")) {
      e.preventDefault();
      $("#list-search").focus();
    }
  });
  if (matchMedia("(hover: hover)").matches) {
    for (const drop of $$("details[data-hover]")) {
      drop.addEventListener("mouseenter", () => { drop.open = true; });
      drop.addEventListener("mouseleave", () => { drop.open = false; });
      $("summary", drop).addEventListener("click", (e) => {
        e.preventDefault();
        const link = $(".sw-drop-body a", drop);
        if (link) location.href = link.href; // a click on the balance opens Finance
      });
    }
  }
  on("click", "[data-menu-open]", () => { doc.body.classList.add("sw-menu-open"); $("#side a").focus(); });
  on("click", "[data-announcement-close]", (button) => { // until the browser is closed
    const banner = button.closest("[data-announcement]");
    doc.cookie = "announcement=" + banner.dataset.announcement + "; path=/; samesite=lax";
    banner.remove();
  });
  on("click", "[data-menu-close]", () => doc.body.classList.remove("sw-menu-open"));
  doc.addEventListener("click", (e) => {
    if (doc.body.classList.contains("sw-menu-open") && !e.target.closest("#side, [data-menu-open]")) doc.body.classList.remove("sw-menu-open");
  });
  on("click", "[data-theme-toggle]", () => {
    const root = doc.documentElement;
    const next = root.dataset.bsTheme === "dark" ? "light" : "dark";
    root.dataset.bsTheme = root.dataset.theme = next;
    doc.cookie = "theme=" + next + "; path=/; max-age=31536000; samesite=lax";
    drawCharts(true);
  });
  on("click", "[data-back]", () => history.back());

  // --- lists ------------------------------------------------------------------------------------
  function countTicks() {
    const bar = $(".sw-bulk");
    if (!bar) return;
    const rows = $$('input[name="ids"]');
    const n = rows.filter((one) => one.checked).length;
    const m = Number($("#list-results").dataset.total);
    const all = $('input[name="all"]', bar);
    if (n < rows.length) { all.value = ""; all.disabled = true; }
    bar.hidden = n === 0;
    $(".sw-bulk-count", bar).textContent = bar.dataset.text.replace("{n}", all.disabled ? n : m).replace("{m}", m);
    $("[data-tick-every]", bar).hidden = !(n === rows.length && n < m && all.disabled);
    const head = $("[data-tick-all]");
    head.checked = n > 0 && n === rows.length;
    head.indeterminate = n > 0 && n < rows.length;
  }
  function nameCells() { // for the narrow form of long lists
    for (const table of $$(".sw-stack table")) {
      const names = $$("thead th", table).map((one) => one.textContent.trim());
      for (const row of $$("tbody tr:not([data-named])", table)) {
        if (row.children.length !== names.length) continue;
        row.dataset.named = "1";
        names.forEach((name, at) => { if (at && name && row.children[at].textContent.trim()) row.children[at].dataset.label = name; });
      }
    }
  }
  nameCells();
  const tickRows = (state) => { $$('input[name="ids"]').forEach((one) => { one.checked = state; }); countTicks(); };
  function tickEvery() {
    const all = $('.sw-bulk input[name="all"]');
    all.disabled = false;
    all.value = $("#list-results").dataset.url;
    countTicks();
  }
  on("change", "[data-tick-all]", (box) => { // "every": also what is not on the page yet
    tickRows(box.checked);
    if (box.checked && box.dataset.tickAll === "every") tickEvery();
  });
  on("click", "[data-tick-none]", () => tickRows(false));
  on("click", "[data-tick-every]", tickEvery);
  let lastTick = null;
  on("click", 'input[name="ids"]', (box, e) => {
    const rows = $$('input[name="ids"]');
    if (e.shiftKey && lastTick && rows.includes(lastTick)) {
      const [from, to] = [rows.indexOf(lastTick), rows.indexOf(box)].sort((a, b) => a - b);
      rows.slice(from, to + 1).forEach((one) => { one.checked = box.checked; });
    }
    lastTick = box;
    countTicks();
  });
  on("click", ".sw-table tbody tr", (row, e) => {
    const link = $("a.row-link", row);
    if (link && !e.target.closest("a, button, input, label, details, .sw-tick") && !getSelection().toString()) link.click();
  });
  on("change", "select[data-submit]", (select) => select.form.requestSubmit());
  on("click", "a[data-export]", (link) => {
    const state = $("#list-results");
    if (state) link.search = new URL(state.dataset.url, location.href).search; // what is shown is what is exported
  });
  doc.addEventListener("htmx:afterSettle", (e) => {
    const results = $("#list-results");
    if (results && (e.detail.target.id === "list-results" || e.detail.elt.id === "list-results")) {
      const chosen = JSON.parse(results.dataset.filters || "{}");
      for (const one of $$(".sw-filter")) {
        one.value = (chosen[one.name] || [""])[0];
        one.classList.toggle("sw-on", Boolean(one.value));
      }
    }
    countTicks();
    nameCells();
    drawCharts(false);
  });

  // --- fields -----------------------------------------------------------------------------------
  on("click", "[data-password-show]", (button) => {
    const input = $("input", button.closest(".input-group"));
    input.type = input.type === "password" ? "text" : "password";
    button.setAttribute("aria-pressed", String(input.type === "text"));
  });
  on("click", "[data-password-make]", (button) => {
    const input = $("input", button.closest(".input-group"));
    input.value = makePassword(Number(button.dataset.passwordMake));
    input.type = "text";
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
  function makePassword(length) {
    const letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
    for (;;) {
      const made = Array.from(crypto.getRandomValues(new Uint32Array(length)), (n) => letters[n % letters.length]).join("");
      if (/[A-Z]/.test(made) && /[a-z]/.test(made) && /[0-9]/.test(made)) return made;
    }
  }
  const copy = (text) => navigator.clipboard.writeText(text).then(() => toast(body().copied, "success"));
  on("click", "[data-password-copy]", (button) => copy($("input", button.closest(".input-group")).value));
  on("click", "[data-copy]", (button) => copy(button.dataset.copy));

  // --- two lists --------------------------------------------------------------------------------
  const side = (two, name) => $('[data-two-list="' + name + '"]', two);
  function refreshTwo(two) {
    const name = two.dataset.two;
    for (const list of ["from", "to"]) $('[data-two-count="' + list + '"]', two).textContent = side(two, list).children.length;
    $("[data-two-values]", two).replaceChildren(...$$("li", side(two, "to")).map((li) =>
      Object.assign(doc.createElement("input"), { type: "hidden", name: name, value: li.dataset.value })));
    two.dispatchEvent(new Event("input", { bubbles: true }));
  }
  function moveTwo(two, to, items) {
    if (!items.length) return;
    items.forEach((li) => { li.setAttribute("aria-selected", "false"); li.classList.remove("sw-at"); });
    side(two, to).append(...items);
    refreshTwo(two);
  }
  const chosen = (list) => $$('li[aria-selected="true"]:not([hidden])', list);
  on("click", "[data-two-list] li", (li, e) => {
    const list = li.parentElement;
    if (list.closest("[data-two-click]")) {  // a click on the left adds, one on the cross takes out
      if (list.dataset.twoList === "from" || e.offsetX > li.clientWidth - 30) moveTwo(li.closest("[data-two]"), other(list), [li]);
      return;
    }
    if (!e.ctrlKey && !e.metaKey && !e.shiftKey) chosen(list).forEach((one) => { if (one !== li) one.setAttribute("aria-selected", "false"); });
    $$(".sw-at", list).forEach((one) => one.classList.remove("sw-at"));
    li.classList.add("sw-at");
    li.setAttribute("aria-selected", String(li.getAttribute("aria-selected") !== "true"));
  });
  const other = (list) => (list.dataset.twoList === "from" ? "to" : "from");
  on("dblclick", "[data-two-list] li", (li) => li.closest("[data-two-click]") || moveTwo(li.closest("[data-two]"), other(li.parentElement), [li]));
  on("click", "[data-two-move]", (button) => {
    const two = button.closest("[data-two]");
    moveTwo(two, button.dataset.twoMove, chosen(side(two, button.dataset.twoMove === "to" ? "from" : "to")));
  });
  on("input", "[data-two-search]", (input, e) => {
    e.stopPropagation();
    const wish = input.value.trim().toLowerCase();
    $$("li", side(input.closest("[data-two]"), input.dataset.twoSearch)).forEach((li) => { li.hidden = !li.textContent.toLowerCase().includes(wish); });
  });
  on("keydown", "[data-two-list]", (list, e) => {
    const items = $$("li:not([hidden])", list);
    if (!items.length) return;
    const at = items.findIndex((li) => li.classList.contains("sw-at"));
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step) {
      e.preventDefault();
      const next = items[Math.min(Math.max(at + step, 0), items.length - 1)];
      items.forEach((li) => li.classList.toggle("sw-at", li === next));
      if (e.shiftKey) next.setAttribute("aria-selected", "true");
      next.scrollIntoView({ block: "nearest" });
    } else if (e.key === " " && at >= 0) {
      e.preventDefault();
      items[at].setAttribute("aria-selected", String(items[at].getAttribute("aria-selected") !== "true"));
    } else if (e.key === "Enter") {
      e.preventDefault();
      const picked = chosen(list);
      moveTwo(list.closest("[data-two]"), other(list), picked.length ? picked : at >= 0 ? [items[at]] : []);
    }
  });

  // --- times ------------------------------------------------------------------------------------
  const relative = new Intl.RelativeTimeFormat(doc.documentElement.lang, { numeric: "auto" });
  const units = [["year", 31557600], ["month", 2629800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  on("mouseover", "time[datetime]", (time) => {
    const away = (new Date(time.dateTime) - Date.now()) / 1000;
    const [unit, size] = units.find(([, seconds]) => Math.abs(away) >= seconds) || units[5];
    time.title = relative.format(Math.round(away / size), unit);
  });

  // --- amounts outside of a list: the page is read again for the parts marked data-live ------------------
  async function freshen() {
    if (!$("[data-live]")) return;
    const answer = await fetch(location.href).catch(() => null);
    if (!answer || !answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of $$("[data-live]")) {
      const part = fresh.getElementById(old.id);
      if (!part) continue;
      const taken = doc.importNode(part, true);
      old.replaceWith(taken);
      htmx.process(taken);
    }
    drawCharts(false);
  }

  doc.addEventListener("list-refresh", freshen); // a change made here may have cost something

  // --- live fragments: each event "html" carries elements that replace those with the same id ----------
  for (const source of $$("[data-sse]")) {
    const events = new EventSource(source.dataset.sse);
    events.addEventListener("html", (e) => {
      const parts = new DOMParser().parseFromString("<body>" + e.data, "text/html");
      for (const part of Array.from(parts.body.children)) {
        const old = part.id && doc.getElementById(part.id);
        if (old) { const fresh = doc.importNode(part, true); old.replaceWith(fresh); htmx.process(fresh); }
      }
    });
    let planned = 0;
    let last = 0;
    let opened = 0;
    events.addEventListener("open", () => { if (opened++) lookAgain(); }); // what happened while it was away
    events.addEventListener("refresh", () => lookAgain());
    function lookAgain() {
      if (planned) return; // a busy company: at most once a second
      planned = setTimeout(() => {
        planned = 0;
        last = Date.now();
        htmx.trigger(doc.body, "list-refresh");
      }, Math.max(50, last + 1000 - Date.now()));
    }
    events.addEventListener("toast", (e) => { const told = JSON.parse(e.data); toast(told.text, told.kind); });
    addEventListener("pagehide", () => events.close());
  }

  // --- charts -----------------------------------------------------------------------------------
  let loading = null;
  function drawCharts(again) {
    const places = $$("[data-chart]").filter((one) => again || !one.dataset.drawn);
    if (!places.length) return;
    loading = loading || new Promise((ready) => {
      const script = doc.createElement("script");
      script.src = body().echarts;
      script.onload = ready;
      doc.head.append(script);
    });
    loading.then(() => places.forEach(drawChart));
  }
  function drawChart(place) {
    const old = window.echarts.getInstanceByDom(place);
    if (old) old.dispose();
    const dark = doc.documentElement.dataset.bsTheme === "dark";
    const chart = window.echarts.init(place, dark ? "dark" : null, { renderer: "svg" });
    const option = JSON.parse(place.dataset.chart);
    // an HTML tooltip would need inline styles, which the content policy forbids
    option.tooltip = Object.assign({ renderMode: "richText", trigger: "axis", confine: true }, option.tooltip);
    if (option.legend) option.legend = Object.assign({ top: 0, right: 0, bottom: "auto" }, option.legend);
    chart.setOption(Object.assign({ backgroundColor: "transparent", animation: false, grid: { left: 8, right: 8, top: 32, bottom: 8, containLabel: true } }, option));
    place.dataset.drawn = "1";
    new ResizeObserver(() => chart.resize()).observe(place);
  }
  drawCharts(false);

  // A form with [data-complete] is sent when every required field has a value [PICK-05].
  function allowSending(form) {
    const missing = Array.from(form.querySelectorAll("[required]")).some((one) => !one.value.trim());
    form.querySelector('button[type="submit"]').disabled = missing;
  }
  const completeOf = (e) => e.target.closest && e.target.closest("form:has([data-complete])");
  for (const kind of ["input", "change"]) {
    doc.addEventListener(kind, (e) => { const form = completeOf(e); if (form) allowSending(form); });
  }
  const judgeComplete = () => doc.querySelectorAll("form:has([data-complete])").forEach(allowSending);
  doc.addEventListener("htmx:afterSettle", judgeComplete);
  judgeComplete();
})();
