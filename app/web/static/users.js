// Forms of users: a made password fills its repeat too; credentials can be sent only where there is an address.
(function () {
  "use strict";
  const closest = (e, selector) => e.target.closest && e.target.closest(selector);

  document.addEventListener("click", (e) => {
    const button = closest(e, "[data-password-make]");
    const form = button && button.closest("form");
    const again = form && form.querySelector('input[name="password_repeat"]');
    if (!again) return;
    again.value = form.querySelector('input[name="password"]').value;
    again.type = "text";
  });

  function allowSending(form) {
    const send = form.querySelector('input[name="send_credentials"]');
    const email = form.querySelector('input[name="email"]');
    if (!send || !email) return;
    send.disabled = !email.value.trim() || !email.checkValidity();
    if (send.disabled) send.checked = false;
  }
  function allowNotices(form) {  // a voice message is told only where there is an address
    const notify = form.querySelector('input[name="notify_voicemail"]');
    const email = form.querySelector('input[name="email"]');
    if (!notify || !email) return;
    notify.disabled = !email.value.trim();
    if (notify.disabled) notify.checked = false;
  }
  const allow = (form) => { allowSending(form); allowNotices(form); };
  document.addEventListener("input", (e) => {
    const form = closest(e, "form");
    if (form) allow(form);
  });
  // The block "New group" in the form of a new user: while it is open the user cannot be created [GRP-20].
  function openBlock(form, isOpen) {
    const block = form.querySelector("[data-group-block]");
    block.hidden = block.disabled = !isOpen;
    form.querySelector("[data-group-new]").hidden = isOpen;
    form.querySelector(".sw-form-end [type=submit]").disabled = isOpen;
    (isOpen ? block.querySelector("input") : form.querySelector("[data-group-new]")).focus();
  }
  document.addEventListener("click", (e) => {
    const button = closest(e, "[data-group-new], [data-group-cancel]");
    if (button) openBlock(button.closest("form"), button.hasAttribute("data-group-new"));
  });
  document.addEventListener("htmx:afterRequest", (e) => {
    const button = e.detail.elt;
    if (!button.matches("[data-group-create]") || !e.detail.successful) return;
    const block = button.closest("[data-group-block]");
    block.querySelectorAll("input").forEach((one) => { one.value = ""; });
    openBlock(button.closest("form"), false);
  });
  document.addEventListener("input", (e) => {
    const search = closest(e, "[data-group-search]");
    if (!search) return;
    const wish = search.value.trim().toLowerCase();
    search.closest("fieldset").querySelectorAll("[data-group-row]").forEach((row) => {
      row.hidden = !row.textContent.toLowerCase().includes(wish) && !row.querySelector("input").checked;
    });
  });
  const all = () => document.querySelectorAll("form").forEach(allow);
  document.addEventListener("htmx:afterSettle", all);
  all();
})();
