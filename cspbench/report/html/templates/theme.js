"use strict";
// Before anything is painted: the theme that was chosen last. Storage may be refused, as to files.
try {
  const theme = localStorage.getItem("cspbench-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {}
