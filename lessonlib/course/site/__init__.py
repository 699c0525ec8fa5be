"""The course as a website: what Sphinx reads is made here from the notebooks, the modules and the pages in `docs/site/`."""
