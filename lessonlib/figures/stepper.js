// Turns frames that stand side by side into one place with a slider, buttons and a pause. Runs again without harm.
document.querySelectorAll(".ll-stepper:not([data-ready])").forEach((box) => {
  box.dataset.ready = "yes";
  const frames = [...box.querySelectorAll(".ll-frame")];
  const controls = box.querySelector(".ll-controls");
  const [back, play, forward] = controls.querySelectorAll("button");
  const slider = controls.querySelector("input");
  const place = controls.querySelector("output");
  let timer = null;
  const pause = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶ Play";
  };
  const show = (n) => {
    const here = Math.max(0, Math.min(frames.length - 1, n));
    frames.forEach((frame, i) => { frame.hidden = i !== here; });
    slider.value = here;
    slider.setAttribute("aria-valuetext", frames[here].dataset.label);
    place.textContent = `${here + 1} of ${frames.length}: ${frames[here].dataset.label}`;
    back.disabled = here === 0;
    forward.disabled = here === frames.length - 1;
    if (here === frames.length - 1) pause();
  };
  const step = (by) => { pause(); show(Number(slider.value) + by); };
  back.onclick = () => step(-1);
  forward.onclick = () => step(1);
  slider.oninput = () => { pause(); show(Number(slider.value)); };
  play.onclick = () => {
    if (timer !== null) return pause();
    if (Number(slider.value) === frames.length - 1) show(0);
    play.textContent = "❚❚ Pause";
    timer = setInterval(() => (box.isConnected ? show(Number(slider.value) + 1) : pause()), Number(box.dataset.pace));
  };
  box.onkeydown = (event) => {
    // JupyterLab would take the arrows, and the focus with them, to another cell.
    if (/^(Arrow|Home|End|Page|Enter| )/.test(event.key)) event.stopPropagation();
    // The slider moves with the arrow keys by itself; from a button they move it, too.
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && event.target !== slider) step(by);
  };
  box.classList.add("ll-moving");
  controls.hidden = false;
  show(0);
});
