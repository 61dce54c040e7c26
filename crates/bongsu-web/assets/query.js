// Questions in PromQL: a box, a table of the answer, a chart of it over a time.
const RANGES = ["", "15m", "1h", "6h", "24h"];
const RANGE_SECONDS = { "15m": 900, "1h": 3600, "6h": 21600, "24h": 86400 };
const MOST_LINES = 20;
const MOST_ROWS = 500;
const SUGGESTED = 12;
let queryBox;
let drawn;

async function showQuery({ query }, turn, quiet) {
  enterQuery();
  const { input, range } = queryBox;
  const expr = query.get("expr") || "";
  const over = RANGES.includes(query.get("range")) ? query.get("range") : "";
  if (document.activeElement !== input || !quiet) input.value = expr;
  range.value = over;
  sizeBox(input);
  drawn = undefined;
  if (!expr.trim()) {
    const examples = element("ul", undefined, "list");
    for (const [text, what] of word.examples) {
      const entry = element("li");
      const example = link(undefined, `#/query?${new URLSearchParams({ expr: text, range: "1h" })}`);
      example.append(element("code", text));
      entry.append(example, element("div", what, "faint"));
      examples.append(entry);
    }
    queryBox.answer.replaceChildren(paragraph(word.queryHow, "faint"), examples, commandLine("rule", "eval", "up"));
    queryBox.told.textContent = "";
    if (!quiet) input.focus();
    return;
  }
  queryBox.told.textContent = word.asking;
  queryBox.told.className = "faint";
  const begun = performance.now();
  try {
    const end = Math.floor(Date.now() / 1000);
    const form = new URLSearchParams({ query: expr, timeout: "60s" });
    const seconds = RANGE_SECONDS[over];
    const step = seconds ? Math.max(5, Math.ceil(seconds / 240 / 5) * 5) : 0;
    if (seconds) {
      form.set("start", Math.floor((end - seconds) / step) * step);
      form.set("end", end);
      form.set("step", step);
    } else {
      form.set("time", end);
    }
    const answer = await ask(`/prometheus/api/v1/${seconds ? "query_range" : "query"}`, form);
    if (turn !== turns) return;
    drawn = { ...answer, start: Number(form.get("start")), end, step };
    const count = answer.data.resultType === "scalar" || answer.data.resultType === "string" ? 1 : answer.data.result.length;
    queryBox.told.textContent = `${word.seriesOf(count)} · ${howLong((performance.now() - begun) / 1000)}`;
    drawAnswer();
    const eval_ = over ? ["rule", "eval", expr, "--from", over, "--step", `${step}s`] : ["rule", "eval", expr];
    queryBox.answer.append(commandLine(...eval_));
  } catch (error) {
    if (turn !== turns) return;
    queryBox.told.textContent = word.notAnswered;
    queryBox.told.className = "bad";
    queryBox.answer.replaceChildren(...mistake(expr, error.message));
  }
}

function enterQuery() {
  if (queryBox && view.contains(queryBox.form)) return;
  const form = element("form", undefined, "search question");
  const input = element("textarea");
  input.id = "search";
  input.rows = 1;
  input.spellcheck = false;
  input.autocomplete = "off";
  input.setAttribute("aria-label", word.expression);
  input.placeholder = word.queryHint;
  const range = element("select");
  range.setAttribute("aria-label", word.range);
  for (const value of RANGES) {
    const option = element("option", value ? word.lastTime(value) : word.now);
    option.value = value;
    range.append(option);
  }
  const told = paragraph("", "faint");
  told.setAttribute("role", "status");
  const answer = element("section");
  answer.setAttribute("aria-label", word.answer);
  const names = suggestions(input);
  const box = element("div", undefined, "box");
  box.append(input, names);
  form.append(box, range, submit(word.ask));
  const run = () => {
    const asked = { expr: input.value.trim() || null, range: range.value || null };
    // The same question is asked again.
    if (location.hash === moved(asked)) show();
    else location.hash = moved(asked);
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); run(); });
  range.addEventListener("change", run);
  input.addEventListener("input", () => sizeBox(input));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.defaultPrevented) return;
    event.preventDefault();
    run();
  });
  queryBox = { form, input, range, told, answer };
  view.replaceChildren(element("h2", word.query), form, told, answer);
}

function sizeBox(input) {
  input.rows = Math.min(12, Math.max(1, input.value.split("\n").length));
}

// Names of metrics that continue the word at the caret.
function suggestions(input) {
  const list = element("ul", undefined, "suggestions");
  list.id = "metrics";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", word.metrics);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", "metrics");
  input.setAttribute("aria-expanded", "false");
  let known;
  let chosen = -1;
  const typed = () => {
    const before = input.value.slice(0, input.selectionStart);
    const [text] = before.match(/[a-zA-Z_:][\w:]*$/) || [""];
    // Within braces or quotes stand labels and values.
    const open = before.lastIndexOf("{") > before.lastIndexOf("}");
    return open || (before.split("\"").length - 1) % 2 ? "" : text;
  };
  const close = () => {
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = (at) => {
    const items = [...list.children];
    chosen = (at + items.length) % items.length;
    items.forEach((item, index) => item.setAttribute("aria-selected", String(index === chosen)));
    input.setAttribute("aria-activedescendant", items[chosen].id);
    items[chosen].scrollIntoView({ block: "nearest" });
  };
  const take = (name) => {
    const at = input.selectionStart;
    const from = at - typed().length;
    input.setRangeText(name, from, at, "end");
    close();
    input.focus();
  };
  const offer = async () => {
    const text = typed();
    if (text.length < 2) return close();
    if (!known) {
      known = ask("/prometheus/api/v1/label/__name__/values?limit=20000").then((answer) => answer.data, () => []);
    }
    const names = await known;
    if (typed() !== text || document.activeElement !== input) return undefined;
    const small = text.toLowerCase();
    const found = names.filter((name) => name.toLowerCase().includes(small) && name !== text);
    found.sort((a, b) => Number(!a.toLowerCase().startsWith(small)) - Number(!b.toLowerCase().startsWith(small)) || (a < b ? -1 : 1));
    if (!found.length) return close();
    list.replaceChildren(...found.slice(0, SUGGESTED).map((name, index) => {
      const item = element("li", name);
      item.id = `metric-${index}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      // Before the box loses the focus.
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(name); });
      return item;
    }));
    chosen = -1;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    return undefined;
  };
  input.addEventListener("input", offer);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    if (event.key === "ArrowDown") mark(chosen + 1);
    else if (event.key === "ArrowUp") mark(chosen < 0 ? -1 : chosen - 1);
    else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) take(list.children[chosen].textContent);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return list;
}

// What is wrong with a question, and where.
function mistake(expr, message) {
  const parts = [paragraph(message, "bad")];
  const [, line, column] = message.match(/(\d+):(\d+): /) || [];
  const text = expr.split("\n")[line - 1];
  if (text !== undefined && column <= text.length + 1) {
    const shown = element("pre", undefined, "mistake");
    shown.append(text.slice(0, column - 1), element("mark", text.slice(column - 1, column) || " "), text.slice(column));
    parts.push(shown);
  }
  return parts;
}

function drawAnswer() {
  const { data, warnings = [], infos = [] } = drawn;
  const parts = [
    ...warnings.map((text) => paragraph(text, "bad")), ...infos.map((text) => paragraph(text, "faint")),
  ];
  if (data.resultType === "scalar" || data.resultType === "string") {
    parts.push(facts([[word.value, pointText(data.result)], [word.at, time(data.result[0] * 1000)]]));
  } else if (!data.result.length) {
    parts.push(paragraph(word.noSeries));
  } else if (data.resultType === "vector") {
    parts.push(table(word.answer, [[word.value, "number"], [word.series]], data.result.slice(0, MOST_ROWS).map((one) => [
      pointText(one.value || one.histogram), element("code", metricName(one.metric)),
    ])));
  } else {
    const lines = data.result.map((one) => ({ name: metricName(one.metric), points: (one.values || []).map(([at, value]) => [at, Number(value)]), others: one.histograms || [] }));
    if (drawn.step && lines.some((one) => one.points.length)) parts.push(chart(lines.slice(0, MOST_LINES)), lines.length > MOST_LINES ? paragraph(word.firstLines(MOST_LINES), "faint") : "");
    parts.push(seriesTable(lines.slice(0, MOST_ROWS)), pointTable(lines.slice(0, 8)));
  }
  if (data.result.length > MOST_ROWS) parts.push(paragraph(word.moreRules(MOST_ROWS), "faint"));
  queryBox.answer.replaceChildren(...parts);
}

function pointText(point) {
  const value = point[1];
  return typeof value === "string" ? shownNumber(value) : word.histogram(shownNumber(value.count), shownNumber(value.sum));
}

// A line of the table for each one of the chart, in its colour.
function seriesTable(lines) {
  return table(word.series, [["", "swatch"], [word.series], [word.lastValue, "number"], [word.least, "number less"], [word.most, "number less"]], lines.map((one, at) => {
    const values = one.points.map(([, value]) => value).filter((value) => !isNaN(value));
    const last = one.points.length ? shownNumber(one.points[one.points.length - 1][1]) : one.others.length ? pointText(one.others[one.others.length - 1]) : "";
    const mark = drawn.step && at < MOST_LINES ? svg("svg", { viewBox: "0 0 24 8", class: "sample", "aria-hidden": "true" }, svg("path", { d: "M0 4H24", class: `line line-${at % 8} dash-${Math.floor(at / 8)}` })) : undefined;
    const bound = (pick) => (values.length ? shownNumber(values.reduce((a, b) => (pick(a, b) ? a : b))) : "");
    return [mark, element("code", one.name), last, bound((a, b) => a < b), bound((a, b) => a > b)];
  }));
}

// Every value that the chart shows.
function pointTable(lines) {
  const made = element("details");
  made.append(element("summary", word.everyValue));
  made.addEventListener("toggle", () => {
    if (!made.open || made.children.length > 1) return;
    const times = [...new Set(lines.flatMap((one) => one.points.map(([at]) => at)))].sort((a, b) => b - a).slice(0, 500);
    const values = lines.map((one) => new Map(one.points));
    made.append(table(word.everyValue, [[word.at], ...lines.map((one) => [one.name, "number"])], times.map((at) => [
      time(at * 1000), ...values.map((known) => (known.has(at) ? shownNumber(known.get(at)) : "")),
    ])));
  });
  return made;
}

function svg(tag, attributes, ...inside) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

// Round numbers between two, about `count` of them.
function ticks(from, to, count) {
  const rough = (to - from) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough);
  const made = [];
  for (let at = Math.ceil(from / step - 1e-9); at * step <= to + step * 1e-9; at += 1) made.push(Number((at * step).toPrecision(12)));
  return made;
}

// Lines over the time of the question. What they show stands in the tables below.
function chart(lines) {
  const width = Math.max(280, Math.min(1400, queryBox.answer.clientWidth || view.clientWidth));
  const [height, left, right, top, bottom] = [260, 64, 12, 10, 26];
  const values = lines.flatMap((one) => one.points.map(([, value]) => value)).filter(Number.isFinite);
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (!values.length) [low, high] = [0, 1];
  if (low === high) [low, high] = [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
  // From zero if it is near.
  if (low > 0 && low < high / 2) low = 0;
  const x = (at) => left + (at - drawn.start) / (drawn.end - drawn.start) * (width - left - right);
  const y = (value) => top + (high - value) / (high - low) * (height - top - bottom);
  const made = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", class: "chart", "aria-label": word.chartOf(lines.length, time(drawn.start * 1000), time(drawn.end * 1000)) });
  for (const at of ticks(low, high, 5)) {
    const label = svg("text", { x: left - 8, y: y(at) + 4, "text-anchor": "end" });
    label.textContent = shownTick(at);
    made.append(svg("path", { d: `M${left} ${y(at)}H${width - right}`, class: "grid" }), label);
  }
  const across = Math.max(2, Math.floor((width - left) / 120));
  const every = [60, 300, 900, 1800, 3600, 7200, 10800, 21600].find((one) => (drawn.end - drawn.start) / one <= across) || 21600;
  const zone = new Date().getTimezoneOffset() * 60;
  for (let at = Math.ceil((drawn.start - zone) / every) * every + zone; at <= drawn.end; at += every) {
    const label = svg("text", { x: x(at), y: height - 8, "text-anchor": x(at) > width - 40 ? "end" : "middle" });
    label.textContent = new Date(at * 1000).toLocaleTimeString(root.lang, { hour: "2-digit", minute: "2-digit", hour12: false });
    made.append(svg("path", { d: `M${x(at)} ${top}V${height - bottom}`, class: "grid" }), label);
  }
  lines.forEach((one, index) => {
    let path = "";
    let before;
    for (const [at, value] of one.points) {
      if (!Number.isFinite(value)) {
        before = undefined;
        continue;
      }
      // A gap is no line. One value alone is a dot.
      const goes = before !== undefined && at - before <= drawn.step * 1.5;
      path += `${goes ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}${goes ? "" : "h0"}`;
      before = at;
    }
    const line = svg("path", { d: path, class: `line line-${index % 8} dash-${Math.floor(index / 8)}` });
    const title = svg("title", {});
    title.textContent = one.name;
    line.append(title);
    made.append(line);
  });
  return made;
}

function shownTick(value) {
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  return new Intl.NumberFormat(root.lang, { notation: size >= 10000 ? "compact" : "standard", maximumSignificantDigits: 4 }).format(value);
}

let resized;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => {
    const old = here().path === "query" && view.querySelector(".chart");
    if (old && drawn) drawAnswer();
  }, 200);
});
