// What scrolls sideways can be reached, and then scrolled, with the keyboard, and has a name for those who hear the page.
const reach = () => {
  document.querySelectorAll(".bd-article :is(pre, .ll-wide, .output, .math, .pst-scrollable-table-container)").forEach((box) => {
    if (box.scrollWidth > box.clientWidth && !box.hasAttribute("tabindex")) box.tabIndex = 0;
  });
};
window.addEventListener("load", reach);
window.addEventListener("resize", reach);
document.addEventListener("toggle", reach, true); // what was folded has no width before

// A link into a fold opens it.
const unfold = () => {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let box = target && target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
};
window.addEventListener("hashchange", unfold);
window.addEventListener("load", unfold);
