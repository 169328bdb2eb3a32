// The way to the company's sign-in takes along what was typed as the domain, and where the reader wanted to go.
(function () {
  "use strict";
  const link = document.querySelector("[data-sso]");
  const domain = document.querySelector('input[name="domain"]');
  if (!link || !domain) return;
  function point() {
    const wish = document.querySelector('input[name="next"]');
    const wanted = new URLSearchParams();
    if (domain.value.trim()) wanted.set("domain", domain.value.trim());
    if (wish && wish.value) wanted.set("next", wish.value);
    link.href = link.dataset.sso + (wanted.size ? "?" + wanted : "");
  }
  domain.addEventListener("input", point);
  domain.addEventListener("change", point);
  point();
})();
