"""JupyterLab as ``make lab`` starts it: it asks no other host for anything."""

c = get_config()  # noqa: F821 (JupyterLab defines it)
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.handlers.announcements.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"  # lists what is installed, and searches no package index
