// In a frame of Airflow's: take over its theme, and open links to Airflow's own pages in Airflow's window, which the
// frame's sandbox would not let a link do.
if (window.parent !== window) {
  const outer = window.parent.document;
  const follow = () => {
    const dark = outer.documentElement.classList.contains("dark");
    document.documentElement.className = dark ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(outer.documentElement, { attributeFilter: ["class"] });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const twin = outer.createElement("a");
    twin.href = link.href;
    twin.click();
  });
}
