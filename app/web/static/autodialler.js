// A task of the auto-dialler: changes are saved before the status is changed [ADL-43].
(function () {
  "use strict";
  const form = () => document.getElementById("dial-task");
  document.addEventListener("click", (e) => {
    const act = e.target.closest && e.target.closest("[data-dial-act]");
    if (!act || !form() || !form().dataset.dirty) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    const note = document.querySelector("[data-dial-unsaved]");
    note.hidden = false;
    note.setAttribute("role", "alert");
  }, true);
})();
