// What keys do; they press the buttons, so that both do the same.
const $ = (id) => document.getElementById(id);

// actions: {setTool, resizeBrush, hold, paint(points)}
export function listen(view, actions) {
  const keys = { b: () => actions.setTool("brush"), e: () => actions.setTool("eraser"), r: () => actions.setTool("rectangle"),
    l: () => actions.setTool("lasso"), h: () => actions.setTool("pan"), o: () => press({ preventDefault() {} }, "object"), "[": () => actions.resizeBrush(1 / 1.15),
    "]": () => actions.resizeBrush(1.15), "+": () => view.zoomAt(1.25), "=": () => view.zoomAt(1.25),
    "-": () => view.zoomAt(0.8), 0: () => view.fit() };
  const press = (e, id) => { if (!$(id).disabled && !$(id).hidden) { e.preventDefault(); $(id).click(); } };
  const middle = () => [view.canvas.width / 2, view.canvas.height / 2];

  // Painting without a pointer: arrows move the brush, P paints where it is.
  function move(key, isFar) {
    const step = isFar ? 40 : 10, [x, y] = view.at ?? middle();
    const along = (more, less) => (key === more) * step - (key === less) * step;
    view.at = [x + along("arrowright", "arrowleft"), y + along("arrowdown", "arrowup")];
    view.draw();
  }

  document.addEventListener("keydown", (e) => {
    const key = e.key.toLowerCase(), isOnPicture = e.target === view.canvas;
    if (e.target.matches("input[type=number], select") && key !== "escape") return;
    if (e.ctrlKey || e.metaKey) {
      const id = { z: e.shiftKey ? "redo" : "undo", y: "redo", o: "open", s: "download" }[key];
      if (id) press(e, id);
    } else if (key === "enter" && !e.target.matches("button, summary, a")) press(e, "repair");
    else if (key === "escape") press(e, "cancel");
    else if (key === " " && isOnPicture) { e.preventDefault(); view.isSpace = true; }
    else if (key === "c") actions.hold(true);
    else if (isOnPicture && key.startsWith("arrow")) { e.preventDefault(); move(key, e.shiftKey); }
    else if (isOnPicture && key === "p") { view.at ??= middle(); actions.paint([view.inPicture(view.at)]); }
    else keys[key]?.();
  });
  document.addEventListener("keyup", (e) => {
    if (e.key === " ") view.isSpace = false;
    if (e.key.toLowerCase() === "c") actions.hold(false);
  });
}
