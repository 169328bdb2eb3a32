// Audio files inside forms (sounds/prompt_slot.html): upload, call and record, remove. Everything is delegated.
(function () {
  "use strict";
  const doc = document;
  const part = (slot, name) => slot.querySelector("[data-prompt-" + name + "]");
  const token = () => doc.querySelector('meta[name="csrf-token"]').content;
  const changed = (slot) => slot.dispatchEvent(new Event("input", { bubbles: true }));

  function about(slot, more) {
    const facts = new FormData();
    facts.append("name", slot.dataset.prompt);
    facts.append("label", slot.dataset.label);
    for (const [name, value] of Object.entries(more || {})) facts.append(name, value);
    return facts;
  }

  function complain(slot, text) {
    const box = slot.querySelector("[data-field-error]");
    box.textContent = text;
    box.classList.toggle("d-block", Boolean(text));
  }

  async function ask(slot, url, data) {
    complain(slot, "");
    slot.setAttribute("aria-busy", "true");
    const query = data ? "" : "?" + new URLSearchParams(about(slot));
    const answer = await fetch(url + query, {
      method: data ? "POST" : "GET", body: data, headers: { "HX-Request": "true", "X-CSRF-Token": token() },
    }).catch(() => null);
    slot.removeAttribute("aria-busy");
    if (!slot.isConnected) return;
    if (!answer) return complain(slot, doc.body.dataset.offline);
    if (answer.headers.get("HX-Redirect")) { location.href = answer.headers.get("HX-Redirect"); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok) {
      const fields = Array.from(page.querySelectorAll("template[data-field]"), (one) => one.content.textContent);
      const problem = page.querySelector("[data-problem]");
      return complain(slot, fields.join(" ") || (problem ? problem.textContent.trim() : String(answer.status)));
    }
    show(slot, page);
  }

  function show(slot, page) {
    const whole = page.querySelector("[data-prompt]");
    if (whole) { // a new file stands in the slot
      const fresh = doc.importNode(whole, true);
      const none = part(slot, "none");
      if (none) part(fresh, "none").textContent = none.textContent;
      slot.replaceWith(fresh);
      changed(fresh);
      (fresh.querySelector("audio") || fresh).focus();
      return;
    }
    const live = part(slot, "live");
    live.replaceChildren(...Array.from(page.body.children, (one) => doc.importNode(one, true)));
    const poll = part(slot, "poll");
    if (poll) setTimeout(() => { if (poll.isConnected) ask(slot, poll.dataset.promptPoll); }, 1000);
    else (live.querySelector("input, button") || live).focus();
  }

  const acts = {
    ask: (slot) => ask(slot, "/prompts/record"),
    cancel: (slot) => { part(slot, "live").replaceChildren(); part(slot, "ask").focus(); },
    call: (slot) => {
      const extension = part(slot, "extension");
      ask(slot, "/prompts/record", about(slot, extension ? { extension: extension.value.trim() } : {}));
    },
    remove: (slot) => {
      slot.querySelector("input[type=hidden]").value = "";
      part(slot, "now").remove();
      part(slot, "none").hidden = false;
      part(slot, "file").focus();
      changed(slot);
    },
  };
  doc.addEventListener("click", (e) => {
    const slot = e.target.closest && e.target.closest("[data-prompt]");
    if (!slot) return;
    for (const [name, act] of Object.entries(acts)) if (e.target.closest("[data-prompt-" + name + "]")) act(slot);
  });
  doc.addEventListener("change", (e) => {
    if (!e.target.matches("[data-prompt-file]") || !e.target.files.length) return;
    const slot = e.target.closest("[data-prompt]");
    ask(slot, "/prompts", about(slot, { file: e.target.files[0] }));
    e.target.value = "";
  });
  doc.addEventListener("keydown", (e) => { // Enter in the extension calls; it does not send the form around
    if (e.key !== "Enter" || !e.target.matches || !e.target.matches("[data-prompt-extension]")) return;
    e.preventDefault();
    acts.call(e.target.closest("[data-prompt]"));
  });
})();
