// Pages of a callback widget: objects by distribution type, colour markers, live preview.
(function () {
  "use strict";
  const at = (selector, from) => (from || document).querySelector(selector);
  const all = (selector, from) => Array.from((from || document).querySelectorAll(selector));

  // ---- settings
  const type = at("#widget-settings [name=dist_type]");
  if (type) type.addEventListener("change", () => {
    for (const box of all("[data-widget-object]")) {
      box.hidden = box.dataset.widgetObject !== type.value;
      at("select", box).value = ""; // another type begins without an object
    }
  });

  // ---- looks
  const form = at("#widget-display");
  if (!form) return;
  const field = (name) => form.elements[name];
  const number = (name) => Math.max(0, parseInt(field(name).value, 10) || 0);
  let isOpen = true;

  const stops = () => all("[data-stop]", form).map((row) => ({
    row, colour: at("[type=color]", row).value, at: Math.min(100, Math.max(0, parseInt(at("[type=number]", row).value, 10) || 0)),
  })).sort((a, b) => a.at - b.at);

  function looks() {
    return {
      position: field("position").value, offset_x: number("offset_x"), offset_y: number("offset_y"),
      fill: { kind: field("fill_kind").value, colour: field("fill_colour").value, angle: number("fill_angle"), stops: stops() },
      radius_modal: number("radius_modal"), radius_fields: number("radius_fields"), caption_size: number("caption_size"),
      caption_colour: field("caption_colour").value, caption: field("caption").value, title: field("title").value,
      greeting: field(isOpen ? "greeting_open" : "greeting_closed").value,
    };
  }

  function markers() {
    const bar = at("[data-gradient-bar]"), found = stops();
    bar.style.background = `linear-gradient(90deg,${found.map((one) => `${one.colour} ${one.at}%`).join(",")})`;
    const rows = all("[data-stop]", form);
    while (bar.children.length > rows.length) bar.lastChild.remove();
    while (bar.children.length < rows.length) bar.append(Object.assign(document.createElement("button"),
      { type: "button", className: "sw-gradient-mark", tabIndex: -1 }));
    rows.forEach((row, n) => {
      const mark = bar.children[n];
      mark.setAttribute("aria-label", `${at("[type=color]", row).value} ${at("[type=number]", row).value}%`);
      mark.style.left = `${at("[type=number]", row).value}%`;
      mark.style.background = at("[type=color]", row).value;
      mark.stopRow = row;
      at("[data-stop-remove]", row).disabled = rows.length <= 2;
    });
    at("[data-stop-add]").disabled = rows.length >= 5;
  }

  function draw() {
    markers();
    for (const box of all("[data-widget-fill]")) box.hidden = box.dataset.widgetFill !== field("fill_kind").value;
    const maker = window.SwitchroomCallback, frame = at("#widget-preview");
    if (!maker) return;
    const look = looks(), below = at("#widget-preview-button") || frame.appendChild(
      Object.assign(document.createElement("div"), { id: "widget-preview-button" }));
    maker.drawButton(maker.root(below, look), look);
    const config = { appearance: look, open: isOpen, texts: JSON.parse(frame.dataset.words), terms_url: frame.dataset.terms };
    const dialog = maker.drawWindow(maker.root(at("#widget-preview-window"), look), config, null);
    dialog.classList.add("shown");
    dialog.setAttribute("open", "");
    all("button, input, textarea, a", dialog).forEach((one) => one.setAttribute("tabindex", "-1"));
  }
  const changed = () => {
    form.dispatchEvent(new Event("input", { bubbles: true })); // unsaved changes are asked about
    draw();
  };

  form.addEventListener("input", draw);
  form.addEventListener("change", draw);
  document.addEventListener("switchroom-callback", draw);
  document.addEventListener("click", (e) => {
    const hours = e.target.closest("[data-preview-hours]"), remove = e.target.closest("[data-stop-remove]");
    if (hours) {
      isOpen = hours.dataset.previewHours === "open";
      for (const one of all("[data-preview-hours]")) one.classList.toggle("active", one === hours);
      draw();
    } else if (remove) {
      remove.closest("[data-stop]").remove();
      changed();
    } else if (e.target.closest("[data-stop-add]")) {
      const rows = all("[data-stop]", form), made = rows[rows.length - 1].cloneNode(true);
      at("[type=number]", made).value = 50;
      rows[rows.length - 1].after(made);
      changed();
    }
  });
  // markers are dragged; a double click opens their colour
  let dragged = null;
  const bar = at("[data-gradient-bar]");
  bar.addEventListener("pointerdown", (e) => {
    dragged = e.target.closest(".sw-gradient-mark");
    if (dragged) dragged.setPointerCapture(e.pointerId);
  });
  bar.addEventListener("pointermove", (e) => {
    if (!dragged) return;
    const box = bar.getBoundingClientRect(), place = Math.round((e.clientX - box.left) / box.width * 100);
    at("[type=number]", dragged.stopRow).value = Math.min(100, Math.max(0, place));
    changed();
  });
  bar.addEventListener("pointerup", () => { dragged = null; });
  bar.addEventListener("dblclick", (e) => {
    const mark = e.target.closest(".sw-gradient-mark");
    if (!mark) return;
    const colour = at("[type=color]", mark.stopRow);
    if (colour.showPicker) colour.showPicker();
    else colour.click();
  });
  draw();
})();
