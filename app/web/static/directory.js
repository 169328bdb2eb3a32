// Address books: one more number in the open form of a contact.
(function () {
  "use strict";
  document.addEventListener("click", (e) => {
    const button = e.target.closest && e.target.closest("[data-number-more]");
    if (!button) return;
    const rows = button.closest("fieldset").querySelectorAll(".sw-number-row");
    const row = rows[rows.length - 1].cloneNode(true);
    const at = Number(row.querySelector('input[name="row"]').value) + 1;
    row.dataset.fieldBox = "number-" + at;
    row.querySelector('input[name="row"]').value = at;
    const number = row.querySelector('input[name="number"]');
    number.value = "";
    number.removeAttribute("aria-required");
    row.querySelectorAll(".is-invalid").forEach((one) => { one.classList.remove("is-invalid"); one.removeAttribute("aria-invalid"); });
    const error = row.querySelector("[data-field-error]");
    error.textContent = "";
    error.classList.remove("d-block");
    rows[rows.length - 1].after(row);
    number.focus();
  });
})();
