// General settings: the amount is open while the notice is on; a long list is searched as one types.
(function () {
  "use strict";
  function allowAmount() {
    const on = document.querySelector('input[name="balance_notice_on"]');
    const amount = document.querySelector('input[name="balance_notice_below"]');
    if (on && amount) amount.disabled = !on.checked;
  }
  document.addEventListener("change", (e) => { if (e.target.name === "balance_notice_on") allowAmount(); });
  document.addEventListener("htmx:afterSettle", allowAmount);
  allowAmount();

  const kept = new WeakMap();
  const plain = (text) => text.toLowerCase().replace(/ё/g, "е").replace(/\u2212/g, "-");
  document.addEventListener("input", (e) => {
    const id = e.target.dataset && e.target.dataset.filterOf;
    const list = id && document.getElementById(id);
    if (!list) return;
    if (!kept.has(list)) kept.set(list, Array.from(list.options));
    const wanted = plain(e.target.value).split(/\s+/).filter(Boolean);
    const chosen = list.value;
    const found = kept.get(list).filter((one) => one.value === chosen
      || wanted.every((word) => plain(one.text).includes(word) || plain(one.value).includes(word)));
    list.replaceChildren(...found);
    list.value = chosen;
    list.size = wanted.length ? Math.min(8, Math.max(2, found.length)) : 1;
    e.stopPropagation();
  });
  document.addEventListener("change", (e) => {
    const search = e.target.id && document.querySelector('[data-filter-of="' + CSS.escape(e.target.id) + '"]');
    if (!search || !kept.has(e.target)) return;
    const chosen = e.target.value;
    search.value = "";
    e.target.replaceChildren(...kept.get(e.target));
    e.target.value = chosen;
    e.target.size = 1;
  });
})();
