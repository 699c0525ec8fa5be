// A JupyterLab extension written by hand, in the form in which JupyterLab loads prebuilt ones: a container with `init`
// and `get` under its name in window._JUPYTERLAB. It brings lessons.css, and a notice on the read-only source of a lesson.
(() => {
  const SOURCE = /^nbs\/(\d\d_\w+\.ipynb)$/;
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL("lessons.css", document.currentScript.src).href;
  document.head.append(style);

  const offerCopy = (app, path, name) =>
    app.commands.execute("apputils:notify", {
      message: `${path} is the source of this lesson, and read-only. Your own copy is work/${name}.`,
      type: "info",
      options: {
        autoClose: false,
        actions: [{ label: "Open my copy", commandId: "docmanager:open", args: { path: `work/${name}` } }],
      },
    });

  const plugin = {
    id: "lessonlib:lessons",
    description: "Offers the reader's copy where the source of a lesson is opened.",
    autoStart: true,
    activate: (app) => {
      app.docRegistry.addWidgetExtension("Notebook", {
        createNew: (panel, context) => {
          context.ready.then(() => {
            const found = SOURCE.exec(context.path);
            if (found && context.contentsModel && !context.contentsModel.writable) offerCopy(app, context.path, found[1]);
          });
        },
      });
    },
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB.lessonlib = { init: () => {}, get: async () => () => ({ __esModule: true, default: plugin }) };
})();
