"use strict";
// Printing: what is folded away on screen is part of the paper, but for what the screen alone shows.
addEventListener("beforeprint", () => document.querySelectorAll("details:not(.screen)").forEach((part) => { part.open = true; }));

// A part that is wider than its place says so.
const hint = () => document.querySelectorAll(".scroll").forEach((part) => part.classList.toggle("wider", part.scrollWidth > part.clientWidth + 2));
addEventListener("resize", hint);
document.addEventListener("toggle", hint, true);

// Sorting: each heading of a sortable table becomes a button; numbers sort by data-value, the rest as text.
for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("thead th").forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => {
        const cell = row.cells[column];
        return cell.dataset.value === undefined || cell.dataset.value === "" ? cell.textContent.trim() : Number(cell.dataset.value);
      };
      const order = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1; // what is undefined comes last, either way
        const sign = typeof x === "number" ? x - y : x.localeCompare(y);
        return down ? -sign : sign;
      };
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort(order));
    });
  });
}

// The slider: counts on either side of the threshold, from the score histograms in the page; what to make of them is data too.
const embedded = document.getElementById("histograms");
if (embedded) {
  const { edges, attributes, effective, threshold, rates } = JSON.parse(embedded.textContent);
  const slider = document.getElementById("threshold");
  slider.max = String(edges.length - 1); // it stops at every edge of the histograms: between two of them nothing would change
  const audited = edges.findIndex((edge) => edge >= (threshold ?? 0.5) - 1e-9);
  slider.value = String(audited < 0 ? edges.length - 1 : audited);
  const places = [];
  const sum = (c, cells) => cells.reduce((total, cell) => total + c[cell], 0);
  const wilson = (hits, n) => {
    const z2 = 3.8415, p = hits / n, middle = (p + z2 / (2 * n)) / (1 + z2 / n);
    const half = Math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n);
    return [Math.max(0, middle - half), Math.min(1, middle + half)];
  };
  const share = (rate, c, worth) => {
    const hits = sum(c, rate.hits), n = sum(c, rate.among);
    if (!(n > 0)) return [null];
    const rows = n * (worth[rate.metric] ?? 1);
    return [hits / n, ...wilson((hits / n) * rows, rows)];
  };
  const worked = (rate, attribute, name, cut) => {
    const found = rate.at[attribute]?.[name];
    return found ? [found.value[cut], found.lower[cut], found.upper[cut]] : [null];
  };
  const add = (parent, kind, text, attributes = {}) => {
    const element = document.createElement(kind);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    parent.append(element);
    return element;
  };
  // As figures.py writes them: so many decimals, but one or two digits of what these would call nothing, and one of hundreds.
  const written = (number, decimals, least) => {
    const size = Math.abs(number);
    if (size > 0 && size < least) return String(Number(number.toPrecision(decimals > 1 ? 2 : 1)));
    return size >= 100 ? number.toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 }) : number.toFixed(decimals);
  };
  const short = (name) => (name.length > 60 ? name.slice(0, 59) + "…" : name);
  for (const [attribute, groups] of Object.entries(attributes)) {
    const box = add(document.getElementById("slider-tables"), "div", "", { class: "scroll", role: "region", tabindex: "0", "aria-label": "At the chosen threshold, by " + short(attribute) });
    const table = add(box, "table", "");
    add(table, "caption", "At the chosen threshold, by " + short(attribute));
    const head = add(add(table, "thead", ""), "tr", "");
    for (const title of ["Group", ...rates.map((rate) => short(rate.label))]) add(head, "th", title, { scope: "col" });
    const body = add(table, "tbody", "");
    for (const [name, histogram] of Object.entries(groups)) {
      const row = add(body, "tr", "");
      add(add(row, "th", "", { scope: "row" }), "bdi", short(name));
      const worth = effective?.[attribute]?.[name] ?? {};
      places.push({ attribute, name, histogram, worth, cells: rates.map(() => add(row, "td", "", { class: "n" })) });
    }
  }
  const move = () => {
    const cut = Number(slider.value);
    const shown = edges[cut].toFixed(4).replace(/0{1,2}$/, "");
    document.getElementById("threshold-now").textContent = shown;
    slider.setAttribute("aria-valuetext", shown);
    for (const { attribute, name, histogram, worth, cells } of places) {
      const c = { tp: 0, fp: 0, fn: 0, tn: 0 };
      for (let i = 0; i < edges.length - 1; i++) {
        if (i >= cut) { c.tp += histogram.positive[i]; c.fp += histogram.negative[i]; }
        else { c.fn += histogram.positive[i]; c.tn += histogram.negative[i]; }
      }
      rates.forEach((rate, i) => {
        const [value, low, high] = rate.at ? worked(rate, attribute, name, cut) : share(rate, c, worth);
        if (value === null) { cells[i].textContent = "undefined"; return; }
        cells[i].replaceChildren();
        const write = (number) => rate.percentage ? written(100 * number, 1, 0.1) : written(number, 3, 0.001);
        add(cells[i], "strong", write(value) + (rate.percentage ? "%" : ""));
        cells[i].append(document.createElement("br"));
        add(cells[i], "span", `${low === null ? "−∞" : write(low)} to ${high === null ? "∞" : write(high)}`, { class: "ci" });
      });
    }
  };
  slider.addEventListener("input", move);
  move();
}
hint();
