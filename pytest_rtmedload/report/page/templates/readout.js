// The numbers under the pointer. They are read from the table beside each chart, so nothing is told here that does not
// stand there. A range input laid over the chart brings keyboard, touch and screen readers.
"use strict";
const figures = document.querySelectorAll(".read-out");
figures.forEach((figure, i) => prepare(figure, i ? "" : "point at a chart, touch it, or use the arrow keys"));
openForPrint();

function prepare(figure, help) {
  const chart = figure.querySelector(".chart"), table = figure.querySelector("table");
  const heads = [...table.tHead.rows[0].cells], rows = [...table.tBodies[0].rows];
  if (!rows.length) return;
  const places = rows.map((row, i) => (row.dataset.at ? row.dataset.at / 1000 : (i + 0.5) / rows.length));
  const read = element("div", "read on"), cursor = element("div", "cursor"), input = element("input", "");
  Object.assign(input, { type: "range", min: 0, max: rows.length - 1, step: 1, value: 0 });
  input.setAttribute("aria-label", figure.querySelector("figcaption").textContent.trim());
  cursor.hidden = true;
  figure.insertBefore(read, chart);
  chart.append(cursor, input);
  hint();

  function show(i) {
    cursor.hidden = false;
    cursor.style.left = `${100 * places[i]}%`;
    input.value = i;
    read.replaceChildren(...words(heads, rows[i]));
    input.setAttribute("aria-valuetext", read.textContent);
  }
  function hint() {
    cursor.hidden = true;
    read.replaceChildren(help);
  }
  function point(event) {
    const box = chart.getBoundingClientRect(), at = (event.clientX - box.left) / box.width;
    show(nearest(places, at));
  }
  chart.addEventListener("pointermove", point);
  chart.addEventListener("pointerdown", point);
  chart.addEventListener("pointerup", point);
  chart.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse" && document.activeElement !== input) hint();
  });
  input.addEventListener("input", () => show(Number(input.value)));
  input.addEventListener("focus", () => show(Number(input.value)));
  input.addEventListener("blur", hint);
}

function words(heads, row) {
  const found = [];
  let of = "";
  heads.forEach((head, i) => {
    const name = head.lastChild.textContent.trim(), span = element("span", ""), value = element("b", "");
    if (head.dataset.of && head.dataset.of !== of) {
      of = head.dataset.of;
      const group = element("span", "of");
      group.textContent = of;
      found.push(group, " ");
    }
    value.textContent = row.cells[i].textContent.trim();
    span.append(`${name.toLowerCase()} `, value);
    found.push(span, " ");
  });
  return found;
}

function nearest(places, at) {
  let low = 0, high = places.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((places[middle] + places[middle + 1]) / 2 < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function element(tag, name) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  return made;
}

function openForPrint() {
  const closed = [];
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      closed.push(details);
    }
  });
  addEventListener("afterprint", () => closed.splice(0).forEach((details) => (details.open = false)));
}
