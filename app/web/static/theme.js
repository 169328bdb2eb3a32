// Runs before the first paint: "auto" follows the system.
(function () {
  var root = document.documentElement;
  if (root.dataset.theme !== "auto") return;
  var dark = matchMedia("(prefers-color-scheme: dark)");
  function follow() { root.dataset.bsTheme = dark.matches ? "dark" : "light"; }
  dark.addEventListener("change", function () { if (root.dataset.theme === "auto") follow(); });
  follow();
})();
