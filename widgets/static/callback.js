// The button and window "order a call" on a foreign site. One file without libraries; everything lies in a shadow root,
// so that neither the site's styles nor ours reach the other; no cookies and no storage; no inline styles or markup from
// text, so that a site's content policy needs our host only.
(function () {
  "use strict";
  var script = document.currentScript;
  if (!script || !script.src || !window.fetch || !document.documentElement.attachShadow) return;
  var base = script.src.split(/[?#]/)[0].replace(/\.js$/, "");
  var LONGEST_PAGE = 2000, LONGEST_MESSAGE = 1000, PORTION = 2000;

  var CSS = ":host{all:initial}*,*::before{box-sizing:border-box}[hidden]{display:none!important}" +
    ".sw{font:400 16px/1.4 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:#1b2330;color-scheme:light}" +
    ".open{position:fixed;z-index:2147483000;width:60px;height:60px;padding:0;border:0;border-radius:50%;cursor:pointer;" +
    "background:var(--fill);color:var(--ink);box-shadow:0 4px 16px rgba(20,25,40,.32)}" +
    ".open:hover{filter:brightness(1.08)}.open svg{width:28px;height:28px;display:block;margin:auto}" +
    "button:focus-visible,input:focus-visible,textarea:focus-visible,a:focus-visible{outline:3px solid #1b2330;" +
    "outline-offset:2px;box-shadow:0 0 0 2px #fff}" +
    "dialog{width:min(352px,calc(100vw - 32px));max-height:calc(100vh - 32px);overflow:auto;padding:24px;border:0;" +
    "border-radius:var(--round);background:#fff;color:#1b2330;box-shadow:0 12px 48px rgba(20,25,40,.35)}" +
    "dialog.shown{position:static;width:100%;margin:0}dialog::backdrop{background:rgba(20,25,40,.5)}" +
    ".head{display:flex;gap:12px;align-items:flex-start;justify-content:space-between}" +
    "h2{margin:0 0 8px;font-size:20px;font-weight:600;line-height:1.25;overflow-wrap:anywhere}" +
    "p{margin:0 0 16px;white-space:pre-line;overflow-wrap:anywhere}label{display:block;margin:0 0 4px;font-size:14px}" +
    "input,textarea{display:block;width:100%;margin:0 0 12px;padding:10px 12px;border:1px solid #7a8496;" +
    "border-radius:var(--field);background:#fff;color:inherit;font:inherit}textarea{min-height:72px;resize:vertical}" +
    "input[aria-invalid=true]{border-color:#b42318}" +
    ".send{display:block;width:100%;min-height:44px;padding:10px 16px;border:0;border-radius:var(--field);cursor:pointer;" +
    "background:var(--fill);color:var(--ink);font-family:inherit;font-size:var(--size);font-weight:600;line-height:1.3;overflow-wrap:anywhere}" +
    ".send[disabled]{opacity:.6;cursor:default}" +
    ".close{flex:none;width:44px;height:44px;margin:-12px -12px 0 0;padding:0;border:0;border-radius:50%;cursor:pointer;" +
    "background:none;color:#495365;font-family:inherit;font-size:28px;line-height:1}.close:hover{background:#eef1f5}" +
    ".told{margin:12px 0 0;min-height:22px;font-size:14px}.told.bad{color:#b42318}" +
    ".terms{display:block;margin:12px 0 0;font-size:12px;color:#495365}a{color:inherit}";

  function make(name, attributes, parent, text) {
    var made = document.createElement(name);
    for (var key in attributes) made.setAttribute(key, attributes[key]);
    if (text) made.textContent = text;
    if (parent) parent.appendChild(made);
    return made;
  }

  function fill(look) {
    if (look.kind !== "gradient") return look.colour;
    return "linear-gradient(" + look.angle + "deg," + look.stops.map(function (stop) {
      return stop.colour + " " + stop.at + "%";
    }).join(",") + ")";
  }

  // A shadow root with our styles and, as custom properties, the widget's own.
  function root(host, look) {
    var shadow = host.shadowRoot || host.attachShadow({ mode: "open" });
    while (shadow.firstChild) shadow.removeChild(shadow.firstChild);
    try {
      var sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      shadow.adoptedStyleSheets = [sheet];
    } catch (old) {
      make("style", {}, shadow, CSS);
    }
    var box = make("div", { class: "sw" }, shadow), set = function (name, value) { box.style.setProperty(name, value); };
    set("--fill", fill(look.fill));
    set("--ink", look.caption_colour);
    set("--size", look.caption_size + "px");
    set("--round", look.radius_modal + "px");
    set("--field", look.radius_fields + "px");
    return box;
  }

  function drawButton(box, look) {
    var button = make("button", { type: "button", class: "open", "aria-label": look.title, "aria-haspopup": "dialog" }, box);
    var place = look.position.split("_");
    button.style.setProperty(place[0], look.offset_y + "px");
    button.style.setProperty(place[1], look.offset_x + "px");
    var space = "http://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg");
    var path = document.createElementNS(space, "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("fill", "currentColor");
    path.setAttribute("d", "M6.6 10.8a15 15 0 0 0 6.6 6.6l2.2-2.2a1 1 0 0 1 1-.25 11.4 11.4 0 0 0 3.6.57 1 1 0 0 1 1 1V20a1 1 " +
      "0 0 1-1 1A17 17 0 0 1 3 4a1 1 0 0 1 1-1h3.5a1 1 0 0 1 1 1c0 1.25.2 2.45.57 3.57a1 1 0 0 1-.25 1.02z");
    svg.appendChild(path);
    button.appendChild(svg);
    return button;
  }

  function drawWindow(box, config, send) {
    var look = config.appearance, words = config.texts;
    var dialog = make("dialog", { "aria-labelledby": "sw-title", lang: config.language || "ru" }, box);
    var head = make("div", { class: "head" }, dialog);
    make("h2", { id: "sw-title" }, head, look.title);
    var close = make("button", { type: "button", class: "close", "aria-label": words.close }, head, "\u00d7");
    var form = make("form", { novalidate: "" }, dialog);
    make("p", {}, form, look.greeting);
    make("label", { "for": "sw-phone" }, form, words.phone);
    var phone = make("input", { id: "sw-phone", type: "tel", name: "phone", autocomplete: "tel", maxlength: 40, required: "",
      "aria-describedby": "sw-told", placeholder: "+7 " }, form);
    var message = null;
    if (!config.open) {
      make("label", { "for": "sw-message" }, form, words.message);
      message = make("textarea", { id: "sw-message", maxlength: LONGEST_MESSAGE }, form);
    }
    var button = make("button", { type: "submit", class: "send" }, form, look.caption);
    if (/^https?:\/\//.test(config.terms_url || "")) {
      var terms = make("small", { class: "terms" }, form);
      make("a", { href: config.terms_url, target: "_blank", rel: "noopener noreferrer" }, terms, words.terms);
    }
    var told = make("p", { id: "sw-told", class: "told", role: "status", tabindex: -1 }, dialog);
    function tell(text, bad) {
      told.textContent = text;
      told.className = bad ? "told bad" : "told";
      phone.setAttribute("aria-invalid", bad ? "true" : "false");
    }
    close.addEventListener("click", function () { dialog.close(); });
    dialog.addEventListener("click", function (e) { if (e.target === dialog && !dialog.classList.contains("shown")) dialog.close(); });
    form.addEventListener("submit", function (e) {
      e.preventDefault();
      if (button.disabled || !send) return;
      if (phone.value.replace(/\D/g, "").length < 10) {
        tell(words.no_number, true);
        return phone.focus();
      }
      button.disabled = true;
      tell(words.sending, false);
      send(phone.value, message ? message.value : "").then(function (answer) {
        button.disabled = false;
        tell(answer.text || words.failed, !answer.ok);
        if (answer.ok) {
          form.hidden = true;
          told.focus();
        } else phone.focus();
      });
    });
    dialog.renew = function () {
      form.hidden = false;
      form.reset();
      tell("", false);
    };
    return dialog;
  }

  // ---- proof of work (ALTCHA): the number whose SHA-256 together with the salt is the challenge. Own code, because
  // browsers have crypto.subtle on https only.
  var K = (function () {
    var found = [], n = 2, i;
    for (; found.length < 64; n++) {
      for (i = 2; i * i <= n && n % i; i++);
      if (i * i > n) found.push(Math.pow(n, 1 / 3) * 4294967296 | 0);
    }
    return found;
  })();
  var START = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

  function sha256(text) {
    var size = text.length, blocks = (size + 72) >> 6, words = new Int32Array(blocks * 16), w = new Int32Array(64), i;
    for (i = 0; i < size; i++) words[i >> 2] |= text.charCodeAt(i) << (24 - (i & 3) * 8);
    words[size >> 2] |= 0x80 << (24 - (size & 3) * 8);
    words[blocks * 16 - 1] = size * 8;
    var h = new Int32Array(START);
    for (var at = 0; at < words.length; at += 16) {
      var a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], j = h[7];
      for (i = 0; i < 64; i++) {
        if (i < 16) w[i] = words[at + i];
        else {
          var x = w[i - 15], y = w[i - 2];
          w[i] = w[i - 16] + w[i - 7] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) +
            ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
        }
        var t = j + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + K[i] + w[i] | 0;
        var u = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0;
        j = g; g = f; f = e; e = d + t | 0; d = c; c = b; b = a; a = t + u | 0;
      }
      h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e; h[5] += f; h[6] += g; h[7] += j;
    }
    return Array.prototype.map.call(h, function (one) { return ("0000000" + (one >>> 0).toString(16)).slice(-8); }).join("");
  }

  function solve(task) {
    return new Promise(function (done, failed) {
      var number = 0;
      (function portion() {
        for (var end = number + PORTION; number < end && number <= task.maxnumber; number++) {
          if (sha256(task.salt + number) === task.challenge) {
            return done(btoa(JSON.stringify({ algorithm: task.algorithm, challenge: task.challenge, number: number,
              salt: task.salt, signature: task.signature })));
          }
        }
        if (number > task.maxnumber) return failed(new Error("challenge"));
        setTimeout(portion, 0);
      })();
    });
  }

  function ask(path, body) {
    return fetch(base + path, { method: body ? "POST" : "GET", mode: "cors", credentials: "omit", cache: "no-store",
      headers: body ? { "Content-Type": "application/json" } : {}, body: body ? JSON.stringify(body) : undefined });
  }

  function sender(config) {
    return function (phone, message) {
      var token = config.captcha.on ? ask("/challenge").then(function (answer) { return answer.json(); }).then(solve)
        : Promise.resolve("");
      return token.then(function (found) {
        return ask("/requests", { phone: phone, message: message, captcha_token: found,
          page_url: location.href.split("#")[0].slice(0, LONGEST_PAGE) });
      }).then(function (answer) {
        return answer.json().then(function (told) { return { ok: answer.status === 202, text: told.message }; });
      }).catch(function () { return { ok: false, text: "" }; });
    };
  }

  if (script.hasAttribute("data-preview")) { // the mock-up of the settings page
    window.SwitchroomCallback = { root: root, drawButton: drawButton, drawWindow: drawWindow };
    document.dispatchEvent(new Event("switchroom-callback"));
    return;
  }

  function start(config) {
    var host = document.createElement("div");
    host.setAttribute("data-switchroom-callback", "");
    var box = root(host, config.appearance);
    var button = drawButton(box, config.appearance), dialog = drawWindow(box, config, sender(config));
    button.addEventListener("click", function () {
      dialog.renew();
      dialog.showModal();
      dialog.querySelector("input").focus();
    });
    document.body.appendChild(host);
  }

  var known = window.__switchroomCallbacks = window.__switchroomCallbacks || {};
  if (known[base]) return; // the code stands twice on the page
  known[base] = true;
  ask("/config").then(function (answer) { return answer.ok ? answer.json() : null; }).then(function (config) {
    if (!config) return;
    if (document.body) start(config);
    else document.addEventListener("DOMContentLoaded", function () { start(config); });
  }).catch(function () { /* the site works on without us */ });
})();
