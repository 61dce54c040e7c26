// What is routed, and silences: the places links in notifications lead to (#/alerts?…, #/silences/…).
function pairs(labels) {
  return Object.entries(labels).map(([n, v]) => `${n}=${JSON.stringify(v)}`).join("  ");
}

function routedAlert(item) {
  const entry = element("li");
  const state = item.status.state;
  entry.append(element("span", word[state] || state, `state ${state}`), " ");
  entry.append(element("strong", item.labels.alertname || item.fingerprint), " ");
  entry.append(element("span", `${word.since} ${time(item.startsAt)}`, "faint"));
  const link = outside(item.generatorURL, word.source);
  if (link) entry.append(" ", link);
  entry.append(element("br"), element("code", pairs(item.labels)));
  const text = item.annotations.summary || item.annotations.description;
  if (text) entry.append(element("div", text));
  return entry;
}

function silence(item) {
  const entry = element("li");
  const state = item.status.state;
  const op = (m) => (m.isEqual === false ? (m.isRegex ? "!~" : "!=") : m.isRegex ? "=~" : "=");
  const matchers = item.matchers.map((m) => `${m.name}${op(m)}${JSON.stringify(m.value)}`);
  const link = element("a", item.id);
  link.href = `#/silences/${item.id}`;
  entry.append(element("span", word[state] || state, `state ${state}`), " ", link, " ");
  entry.append(element("span", `${word.until} ${time(item.endsAt)}, ${word.by} ${item.createdBy}`, "faint"));
  entry.append(element("br"), element("code", matchers.join("  ")), element("div", item.comment));
  return entry;
}

// A filter of a link may hold several matchers in braces; the API takes one each.
function split(filter) {
  const inside = filter.trim().replace(/^\{|\}$/g, "");
  return inside.match(/(?:[^,"]|"(?:\\.|[^"\\])*")+/g) || [];
}

async function showList(title, path, show, turn) {
  const heading = element("h2", title);
  try {
    const items = [].concat(await ask(path));
    if (turn !== turns) return;
    const list = element("ul", undefined, "list");
    list.append(...items.slice(0, 200).map(show));
    view.replaceChildren(heading, items.length ? list : element("p", word.none));
    if (items.length > 200) view.append(element("p", word.more, "faint"));
  } catch (error) {
    if (turn === turns) view.replaceChildren(heading, element("p", word.failed + error.message));
  }
}

function showRouted({ path, query }, turn) {
  const [kind, id] = path.split("/");
  const asked = new URLSearchParams();
  for (const name of ["receiver", "silenced", "inhibited", "active", "muted"]) {
    if (query.get(name)) asked.set(name, query.get(name));
  }
  for (const filter of query.getAll("filter").flatMap(split)) asked.append("filter", filter.trim());
  if (kind === "alerts") return showList(word.alerts, `/api/v2/alerts?${asked}`, routedAlert, turn);
  const one = id && id !== "new" ? `/api/v2/silence/${encodeURIComponent(id)}` : `/api/v2/silences?${asked}`;
  return showList(word.silences, one, silence, turn);
}
