// A message to the operator blocks the workplace until it is confirmed [MSG-08].
(() => {
  "use strict";
  const show = () => {
    const dialog = document.querySelector("dialog[data-operator-message]:not([open])");
    if (!dialog) return;
    dialog.addEventListener("cancel", (e) => e.preventDefault());
    dialog.addEventListener("close", () => { if (dialog.isConnected) dialog.showModal(); });
    dialog.showModal();
  };
  document.addEventListener("htmx:afterSettle", show);
  show();
})();
