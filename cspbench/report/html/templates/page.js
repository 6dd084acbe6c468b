"use strict";
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;

  // Rows of the datasets, as objects; made on first use.
  const datasets = new Map();
  function dataset(name) {
    if (!datasets.has(name)) {
      const { columns, rows, unfolded } = page.datasets[name];
      const objects = rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]])));
      const unfold = (row) =>
        row[unfolded[0]].map((_, at) => ({ ...row, ...Object.fromEntries(unfolded.map((column) => [column, row[column][at]])) }));
      datasets.set(name, unfolded.length ? objects.flatMap(unfold) : objects);
    }
    return datasets.get(name);
  }

  // ---- Theme ------------------------------------------------------------------------------------

  const themes = document.getElementById("theme");
  themes.value = root.dataset.theme ?? "";
  themes.addEventListener("change", () => {
    if (themes.value) root.dataset.theme = themes.value;
    else delete root.dataset.theme;
    try {
      localStorage.setItem("cspbench-theme", themes.value);
    } catch {} // a file may have no storage
  });

  // ---- Filter -----------------------------------------------------------------------------------

  const filter = document.getElementById("filter");
  let visible = page.subjects.map(() => true);
  let isFiltered = false;

  function applyFilter() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    isFiltered = words.length > 0;
    visible = page.subjects.map((text) => words.every((word) => text.includes(word)));
    for (const line of document.querySelectorAll("tr[data-subjects]")) {
      line.hidden = !line.dataset.subjects.split(" ").some((subject) => visible[subject]);
    }
    const total = page.subjects.length.toLocaleString("en");
    const number = visible.filter(Boolean).length.toLocaleString("en");
    document.getElementById("filter-state").textContent = isFiltered
      ? `${number} of ${total} ${page.noun}`
      : `${total} ${page.noun}`;
    redraw();
  }

  let waiting = 0;
  filter?.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(applyFilter, 120);
  });

  // ---- Sorting ----------------------------------------------------------------------------------

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, at) => {
      head.querySelector("button")?.addEventListener("click", () => {
        const next = { ascending: "descending", descending: "none" }[head.ariaSort] ?? "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        if (next !== "none") head.ariaSort = next;
        body.append(...(next === "none" ? original : sorted(original, at, next === "ascending" ? 1 : -1)));
      });
    });
  }

  // The lines by one column, those without a value last either way.
  function sorted(lines, at, direction) {
    const keyed = lines.map((line) => {
      const cell = line.cells[at];
      return { line, value: cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value) };
    });
    const isText = !keyed.some((item) => typeof item.value === "number");
    const isMissing = (item) => (isText ? item.value === "" || item.value === "–" : typeof item.value === "string");
    const order = (a, b) => (isText ? a.value.localeCompare(b.value, "en", { numeric: true }) : a.value - b.value);
    const present = keyed.filter((item) => !isMissing(item)).sort((a, b) => direction * order(a, b));
    return [...present, ...keyed.filter(isMissing)].map((item) => item.line);
  }

  // ---- Figures ----------------------------------------------------------------------------------

  const LOG_SPAN = 25; // ratio of largest to smallest value from which an axis is logarithmic
  const drawn = new Map(); // by the figure's element, the promise of its view

  const LEGENDS = ["entry", "form", "kind", "use", "verdict"]; // fields whose values a legend may name

  // Colours are those of the style sheet by name, so that plots follow the theme and print in light.
  const colour = (name) => `var(--${name})`;

  function config(width, rows) {
    const longest = Math.max(0, ...rows.flatMap((row) => LEGENDS.map((field) => row[field]?.length ?? 0)));
    const label = Math.min(320, 6.5 * longest);
    const [ink, muted, line, grid] = ["ink", "muted", "line", "grid"].map(colour);
    const text = { labelColor: muted, titleColor: ink, labelFontSize: 11, titleFontSize: 11, titleFontWeight: 600 };
    return {
      background: null,
      font: getComputedStyle(root).getPropertyValue("--sans"),
      view: { stroke: null },
      axis: { ...text, gridColor: grid, domainColor: line, tickColor: line, labelOverlap: true },
      axisY: { labelLimit: Math.max(90, Math.min(230, width * 0.34)), minExtent: 20 },
      legend: {
        ...text,
        orient: "top",
        columns: Math.max(1, Math.floor(width / (label + 40))),
        labelLimit: Math.max(label, 200),
        symbolOpacity: 1,
        symbolLimit: 60,
      },
      title: { color: ink },
      text: { color: ink, fontSize: 10.5 },
      rule: { color: ink },
      tick: { color: ink },
      point: { filled: true, size: 60 },
      line: { strokeWidth: 1.5 },
      range: { category: Array.from({ length: 10 }, (_, at) => colour(`hue-${at}`)) },
    };
  }

  // What a figure shows now: its rows, its spec, and a remark on them.
  function content(element) {
    const model = page.figures[element.id];
    const spec = structuredClone(model.spec);
    let rows = dataset(model.dataset);
    for (const [field, value] of Object.entries(model.only)) rows = rows.filter((row) => row[field] === value);
    const axes = {};
    const selects = element.querySelectorAll("select");
    model.controls.forEach((control, at) => {
      if (control.field === "subject") offerVisible(selects[at], control.options);
      const option = control.options[selects[at].value];
      if (control.axis) axes[control.axis] = option;
      else rows = rows.filter((row) => row[control.field] === option.value);
    });
    rows = rows.filter((row) => row.subject === undefined || visible[row.subject]);
    for (const [channel, option] of Object.entries(axes)) {
      rows = rows.filter((row) => Number.isFinite(row[option.value])).map((row) => withAxis(row, channel, option.value));
      patch(spec, channel, { title: option.label });
    }
    const remarks = [];
    if (model.maxEntries) rows = withoutTooMany(rows, model, remarks);
    if (model.hasFront) rows = withFront(rows, axes, remarks);
    for (const [channel, fields] of Object.entries(model.log)) {
      const values = rows.flatMap((row) => fields.map((field) => row[field])).filter(Number.isFinite);
      if (values.length && Math.min(...values) > 0 && Math.max(...values) >= LOG_SPAN * Math.min(...values)) {
        patch(spec, channel, { scale: { type: "log", nice: false } });
      }
    }
    if (!rows.length) remarks.push("Nothing to draw: no case has these figures, or the filter hides all.");
    return { spec: { ...spec, datasets: { [spec.data.name]: rows } }, rows, remarks };
  }

  // The row with a field, and what belongs to it, by the name of the channel that shows it.
  function withAxis(row, channel, field) {
    const values = ["", "_low", "_high", "_change"].map((suffix) => [channel + suffix, row[field + suffix] ?? null]);
    return { ...row, ...Object.fromEntries(values) };
  }

  const MAX_POINTS = 1000; // rows of a table of points

  // The rows that a figure draws as a table, made when it is opened.
  function showPoints(element, rows) {
    const details = element.querySelector("details.points");
    if (!details?.open) return;
    const columns = page.figures[element.id].columns;
    const text = ({ field, isNumber }, row) => (isNumber ? shownNumber(row[field]) : (row[field] ?? ""));
    const lines = rows.slice(0, MAX_POINTS).map((row) => {
      const line = document.createElement("tr");
      columns.forEach((column, at) => {
        const cell = document.createElement(at ? "td" : "th");
        if (!at) Object.assign(cell, { scope: "row", className: "name" });
        if (column.isNumber) cell.className = "number";
        cell.textContent = text(column, row);
        line.append(cell);
      });
      return line;
    });
    details.querySelector("tbody").replaceChildren(...lines);
    details.querySelector("p").textContent =
      rows.length > MAX_POINTS
        ? `${MAX_POINTS.toLocaleString("en")} of ${rows.length.toLocaleString("en")} points: the filter leaves fewer.`
        : "";
  }

  const shownNumber = (value) => (Number.isFinite(value) ? value.toLocaleString("en", { maximumSignificantDigits: 6 }) : "");

  // Offer only cases that the filter lets through; choose the first if it hides the one chosen.
  function offerVisible(select, options) {
    options.forEach((option, at) => {
      select.options[at].hidden = select.options[at].disabled = !visible[option.value];
    });
    if (!visible[options[select.value].value]) {
      const first = options.findIndex((option) => visible[option.value]);
      if (first >= 0) select.value = first;
    }
  }

  function patch(spec, channel, changes) {
    for (const layer of spec.layer ?? [spec]) {
      const encoding = layer.encoding?.[channel];
      if (encoding) Object.assign(encoding, changes, { scale: { ...encoding.scale, ...changes.scale } });
    }
  }

  function withoutTooMany(rows, model, remarks) {
    const entries = new Set(rows.map((row) => row.entry));
    if (entries.size <= model.maxEntries) return rows;
    const isChosen = !isFiltered && rows.some((row) => row.chosen);
    const shown = new Set(isChosen ? rows.filter((row) => row.chosen).map((row) => row.entry) : [...entries].slice(0, model.maxEntries));
    const which = isChosen ? model.choice : isFiltered ? "the first that match the filter" : "the first";
    remarks.push(`${shown.size} of ${entries.size.toLocaleString("en")} entries: ${which}. The filter shows others.`);
    return rows.filter((row) => shown.has(row.entry));
  }

  // Mark the points that no other betters in one axis without being worse in the other.
  function withFront(rows, { x, y }, remarks) {
    const cost = (row, axis, option) => (option.isHigherBetter ? -row[axis] : row[axis]);
    const costs = rows.map((row) => ({ row, a: cost(row, "x", x), b: cost(row, "y", y) }));
    costs.sort((one, other) => one.a - other.a || one.b - other.b);
    let best = null;
    const front = new Set();
    for (const point of costs) {
      const isEqual = best && point.a === best.a && point.b === best.b;
      if (!best || point.b < best.b || isEqual) {
        front.add(point.row);
        best = point;
      }
    }
    if (rows.length > 1) {
      const names = costs.filter((point) => front.has(point.row)).map((point) => point.row.entry);
      const listed = names.length > 8 ? `${names.slice(0, 8).join(", ")} and ${names.length - 8} more` : names.join(", ");
      const way = (option) => (option.isHigherBetter ? "more" : "less");
      remarks.push(`Pareto front, where ${way(x)} across and ${way(y)} up is better: ${listed}.`);
    }
    const across = rows.map((row) => row.x);
    const middle = (Math.min(...across) + Math.max(...across)) / 2;
    return rows.map((row) => ({ ...row, front: front.has(row), isRight: row.x > middle }));
  }

  // One drawing of a figure follows the other; all of it is done in microtasks, so before printing.
  function draw(element) {
    const { spec, rows, remarks } = content(element);
    const drawing = element.querySelector(".drawing");
    element.querySelector(".remark").textContent = remarks.join(" ");
    showPoints(element, rows);
    const previous = drawn.get(element) ?? Promise.resolve();
    const next = previous.then((last) => {
      last?.finalize();
      drawing.classList.add("drawn");
      return vegaEmbed(drawing, spec, {
        mode: "vega-lite",
        renderer: "svg",
        ast: true, // expressions are interpreted, not compiled, which the page's policy forbids
        actions: false,
        defaultStyle: false,
        config: config(drawing.clientWidth, rows),
        tooltip: showTooltip,
      });
    });
    drawn.set(element, next);
  }

  function redraw() {
    for (const element of drawn.keys()) draw(element);
  }

  const tooltip = document.getElementById("tooltip");
  function showTooltip(_, event, __, value) {
    tooltip.hidden = value === null || value === undefined || value === "";
    if (tooltip.hidden) return;
    const lines = typeof value === "object" ? Object.entries(value) : [["", value]];
    tooltip.replaceChildren(
      ...lines
        .filter(([, text]) => text !== "" && text !== "null")
        .map(([name, text]) => {
          const line = document.createElement("div");
          for (const part of [name, text]) line.append(Object.assign(document.createElement("span"), { textContent: part }));
          return line;
        }),
    );
    const { width, height } = tooltip.getBoundingClientRect();
    tooltip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 4))}px`;
    tooltip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
  }

  const figures = [...document.querySelectorAll("figure.plot")];
  const onScreen = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (isIntersecting && !drawn.has(target)) draw(target);
      }
    },
    { rootMargin: "400px" },
  );
  for (const figure of figures) {
    onScreen.observe(figure);
    for (const select of figure.querySelectorAll("select")) select.addEventListener("change", () => draw(figure));
    figure.querySelector("details.points")?.addEventListener("toggle", () => showPoints(figure, content(figure).rows));
  }
  addEventListener("beforeprint", () => figures.filter((figure) => !drawn.has(figure)).forEach(draw));

  // ---- Trees ------------------------------------------------------------------------------------

  for (const [key, model] of Object.entries(page.trees)) {
    const element = document.getElementById(key);
    const [cases, levels, groups] = element.querySelectorAll("select");
    const body = element.querySelector("tbody");
    const show = () => {
      showTree(body, model, model.trees[model.treeOf[cases.value]], Number(levels.value));
      groups?.dispatchEvent(new Event("change"));
    };
    cases.addEventListener("change", show);
    levels.addEventListener("change", show);
    groups?.addEventListener("change", () => {
      for (const cell of element.querySelectorAll("[data-group]")) {
        cell.hidden = groups.value !== "" && cell.dataset.group !== groups.value;
      }
    });
    show();
  }

  function showTree(body, model, branches, levels) {
    const lines = branches.map(([depth, name, type, ...cells], at) => {
      const line = document.createElement("tr");
      const head = Object.assign(document.createElement("th"), { scope: "row", className: "name" });
      const label = Object.assign(document.createElement("div"), { className: "branch" });
      label.style.paddingLeft = `${depth}rem`;
      const hasChildren = (branches[at + 1]?.[0] ?? 0) > depth;
      const lead = document.createElement(hasChildren ? "button" : "span");
      lead.className = hasChildren ? "" : "leaf";
      label.append(lead, Object.assign(document.createElement("span"), { textContent: name }));
      head.append(label);
      line.append(head, Object.assign(document.createElement("td"), { textContent: model.types[type] }));
      cells.forEach((cell, column) => line.append(treeCell(cell, model.columns[column])));
      if (hasChildren) {
        lead.type = "button";
        setOpen(line, depth + 1 < levels);
        lead.addEventListener("click", () => {
          setOpen(line, lead.ariaExpanded !== "true");
          fold(lines, branches);
        });
        lead.setAttribute("aria-label", `parts of ${name}`);
      }
      return line;
    });
    body.replaceChildren(...lines);
    fold(lines, branches);
  }

  function setOpen(line, isOpen) {
    const button = line.querySelector("button");
    button.ariaExpanded = isOpen;
    button.textContent = isOpen ? "▾" : "▸";
  }

  // Hide what lies below a closed branch.
  function fold(lines, branches) {
    let closedAt = Infinity;
    lines.forEach((line, at) => {
      const depth = branches[at][0];
      if (depth <= closedAt) closedAt = Infinity;
      line.hidden = depth > closedAt;
      const button = line.querySelector("button");
      if (!line.hidden && button && button.ariaExpanded !== "true") closedAt = depth;
    });
  }

  function treeCell(cell, column) {
    const element = Object.assign(document.createElement("td"), { className: "number", textContent: cell });
    element.dataset.group = column.group;
    const share = column.isShare && cell.match(/[\d.]+%/); // the first, before half an interval
    if (share) {
      element.classList.add("share");
      element.style.setProperty("--share", share[0]);
    }
    return element;
  }
})();
