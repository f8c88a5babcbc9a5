"use strict";
(() => {
  const INK = "#010203"; // stands for the colour of the text
  const patient = (act) => { let due = 0; return () => { cancelAnimationFrame(due); due = requestAnimationFrame(act); }; };

  // Plots: each panel holds its figure as JSON, and is drawn as soon as it has a width.
  const panels = [...document.querySelectorAll(".panel")];
  const hidden = (panel) => [...panel.closest(".chart").querySelectorAll("button[aria-pressed=false]")].map((key) => key.value);
  const draw = (panel) => {
    const ink = getComputedStyle(document.body).color;
    const { data, layout } = JSON.parse(panel.querySelector("script").textContent.replaceAll(INK, ink));
    const off = hidden(panel);
    const shown = (names) => !names.some((name) => off.includes(name));
    for (const trace of data) trace.visible = shown(trace.meta ?? []);
    for (const note of layout.annotations ?? []) note.visible = shown(JSON.parse(note.name ?? "[]"));
    const area = panel.querySelector("div");
    const first = !area.classList.contains("js-plotly-plot");
    Plotly.react(area, data, { ...layout, autosize: true }, { displaylogo: false, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]] });
    if (first) area.on("plotly_click", ({ points: [point] }) => { if (point.customdata) location.hash = point.customdata; });
  };
  const seen = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) if (contentRect.width > 0) draw(target);
  });
  panels.forEach((panel) => seen.observe(panel));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", patient(() => panels.filter((panel) => panel.clientWidth).forEach(draw)));
  document.querySelectorAll(".keys button").forEach((key) => key.addEventListener("click", () => {
    key.setAttribute("aria-pressed", String(key.getAttribute("aria-pressed") === "false"));
    key.closest(".chart").querySelectorAll(".panel").forEach(draw);
  }));

  // Tables: a click on a heading sorts, words in the field filter.
  const value = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
  const compare = (left, right, sign) => {
    if (left === "" || right === "") return (left === "") - (right === ""); // what is not measured comes last
    const [a, b] = [Number(left), Number(right)];
    return sign * (Number.isNaN(a) || Number.isNaN(b) ? left.localeCompare(right) : a - b);
  };
  document.querySelectorAll("table.sortable").forEach((table) => {
    const body = table.tBodies[0];
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows].sort((a, b) => compare(value(a, column), value(b, column), up ? 1 : -1));
      body.append(...rows);
    }));
  });
  document.querySelectorAll("input.filter").forEach((field) => field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    const rows = [...document.getElementById(field.getAttribute("aria-controls")).tBodies[0].rows];
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    field.nextElementSibling.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  }));

  // What an address names is opened and shown, however deep it is folded.
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
