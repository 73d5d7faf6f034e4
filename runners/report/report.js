// Values under the pointer, and tables that sort. The page says the same without either.
const value = document.getElementById("value");

for (const dot of document.querySelectorAll(".dot")) {
  const title = dot.querySelector("title");
  const words = title.textContent;
  title.remove(); // or the browser shows it a second time
  dot.setAttribute("aria-label", words);
  const show = () => {
    const box = dot.getBoundingClientRect();
    value.textContent = words;
    value.hidden = false;
    const left = Math.min(box.left, document.documentElement.clientWidth - value.offsetWidth - 8);
    value.style.left = `${Math.max(8, left) + scrollX}px`;
    value.style.top = `${box.top + scrollY - value.offsetHeight - 8}px`;
  };
  dot.addEventListener("pointerenter", show);
  dot.addEventListener("click", show);
  dot.addEventListener("pointerleave", () => { value.hidden = true; });
}

const read = (row, column) => {
  const cell = row.cells[column].dataset.value;
  return isNaN(cell) ? cell : Number(cell);
};

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    // Words from a to z at first, numbers from the largest.
    const first = column === 0 ? "ascending" : "descending";
    const order = head.ariaSort === "none" ? first : head.ariaSort === "ascending" ? "descending" : "ascending";
    heads.forEach((other) => other.setAttribute("aria-sort", other === head ? order : "none"));
    const sign = order === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => sign * (read(a, column) > read(b, column) ? 1 : read(a, column) < read(b, column) ? -1 : 0));
    table.tBodies[0].append(...rows);
  }));
}
