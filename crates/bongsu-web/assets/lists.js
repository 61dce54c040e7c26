// What the lists of rules, targets, objectives and answers have in common.
function link(text, href, kind) {
  const made = element("a", text, kind);
  made.href = href;
  return made;
}

function paragraph(text, kind) {
  return element("p", text, kind);
}

// Headings and rows of cells; a cell is a text, an element, or a list of both.
function table(label, heads, rows) {
  const made = element("table");
  made.setAttribute("aria-label", label);
  const top = element("tr");
  for (const [text, kind] of heads) {
    const cell = element("th", text, kind);
    cell.scope = "col";
    top.append(cell);
  }
  const head = element("thead");
  head.append(top);
  const body = element("tbody");
  for (const row of rows) {
    const line = element("tr");
    row.forEach((parts, at) => {
      const cell = element("td", undefined, heads[at] && heads[at][1]);
      cell.append(...[].concat(parts).filter((part) => part !== undefined && part !== null));
      line.append(cell);
    });
    body.append(line);
  }
  made.append(head, body);
  const wide = element("div", undefined, "wide");
  wide.append(made);
  return wide;
}

// Names and values.
function facts(pairs) {
  const list = element("dl", undefined, "facts");
  for (const [name, value] of pairs) {
    if (value === undefined || value === null || value === "") continue;
    const shown = element("dd");
    shown.append(...[].concat(value));
    list.append(element("dt", name), shown);
  }
  return list;
}

// The same on the command line.
function commandLine(...words) {
  const quoted = words.map((text) => (/^[\w./:=,@%+-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`));
  const made = paragraph(`${word.commandLine} `, "faint command");
  made.append(element("code", `bongsu ${quoted.join(" ")}`));
  return made;
}

// A number as people read it: six digits that count.
function shownNumber(value) {
  const number = Number(value);
  if (!Number.isFinite(number)) return String(value);
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e12)) return number.toExponential(3);
  return new Intl.NumberFormat(root.lang, { maximumSignificantDigits: size < 1e6 ? 6 : 15, maximumFractionDigits: 6 }).format(number);
}

function shownPercent(share, digits) {
  if (share === null || share === undefined) return "";
  return new Intl.NumberFormat(root.lang, { style: "percent", maximumFractionDigits: digits ?? 2 }).format(share);
}

// How long something takes: 850 µs, 12 ms, 3.2 s, 5 min, 2 h, 30 d.
function howLong(seconds) {
  const unit = (number, name) => new Intl.NumberFormat(root.lang, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: number < 10 ? 1 : 0 }).format(number);
  const size = Math.abs(seconds);
  if (size === 0) return unit(0, "second");
  if (size < 0.001) return unit(seconds * 1e6, "microsecond");
  if (size < 1) return unit(seconds * 1000, "millisecond");
  if (size < 120) return unit(seconds, "second");
  if (size < 7200) return unit(seconds / 60, "minute");
  if (size < 172800) return unit(seconds / 3600, "hour");
  return unit(seconds / 86400, "day");
}

// When, as how long ago; nothing for Go's zero time.
function since(text) {
  return !text || text.startsWith("0001-") ? element("span", word.never, "faint") : age(text);
}

function metricName(labels) {
  const { __name__: name, ...rest } = labels;
  const inside = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(", ");
  return inside || !name ? `${name || ""}{${inside}}` : name;
}

// A search and choices above a list. What is typed filters at once and stands in the address.
function filterForm(hint, choices, redraw) {
  const form = element("form", undefined, "search");
  form.setAttribute("role", "search");
  const input = element("input");
  input.type = "search";
  input.id = "search";
  input.placeholder = hint;
  input.setAttribute("aria-label", hint);
  input.autocomplete = "off";
  input.spellcheck = false;
  form.append(input);
  const change = (changes) => {
    history.replaceState(null, "", moved(changes));
    redraw();
  };
  input.addEventListener("input", () => change({ q: input.value.trim() || null }));
  form.addEventListener("submit", (event) => { event.preventDefault(); input.blur(); });
  const selects = choices.map(([name, label, options]) => {
    const select = element("select");
    select.setAttribute("aria-label", label);
    for (const [value, text] of options) {
      const option = element("option", text);
      option.value = value;
      select.append(option);
    }
    select.addEventListener("change", () => change({ [name]: select.value || null }));
    form.append(select);
    return [name, select];
  });
  // From the address; what somebody types stays.
  form.take = () => {
    const { query } = here();
    if (document.activeElement !== input) input.value = query.get("q") || "";
    for (const [name, select] of selects) select.value = query.get(name) || "";
  };
  form.take();
  return form;
}

// Whether all words of a search stand in a text.
function fits(text, search) {
  const whole = text.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((part) => whole.includes(part));
}

// A list that stays while what is in it is loaded again: its form, its count, its body.
let shownList;
function enterList(kind, title, form) {
  if (shownList && shownList.kind === kind && view.contains(shownList.body)) {
    shownList.form.take();
    return shownList;
  }
  const count = paragraph("", "faint count");
  count.setAttribute("role", "status");
  shownList = { kind, form: form(), count, body: element("div") };
  view.replaceChildren(element("h2", title), shownList.form, count, shownList.body);
  return shownList;
}

// What is counted is read out only if it changed.
function showCount(text) {
  shownList.count.classList.remove("bad");
  if (shownList.count.textContent !== text) shownList.count.textContent = text;
}

function showFailure(error) {
  shownList.count.textContent = word.failed + error.message;
  shownList.count.classList.add("bad");
}

// Where the focus goes when one of a list is closed.
let returnTo;
function drawList(parts) {
  keepFocus(() => shownList.body.replaceChildren(...parts));
  if (!returnTo) return;
  const same = [...shownList.body.querySelectorAll("a.name")].find((one) => one.dataset.key === returnTo);
  returnTo = undefined;
  if (same) same.focus();
}

// One thing in place of the list; what was open before keeps the focus.
function drawOne(parts, quiet) {
  shownList = undefined;
  const title = parts.find((part) => part.tagName === "H2");
  title.tabIndex = -1;
  title.dataset.key = "title";
  keepFocus(() => view.replaceChildren(...parts));
  if (!quiet) title.focus();
}

// What is missing, with the lines that would put it there.
function nothingYet(text, lines) {
  const made = element("div", undefined, "empty");
  made.append(paragraph(text));
  if (lines) made.append(element("pre", lines));
  return made;
}
