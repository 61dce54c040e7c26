// One alert: what can be done about it, its fields and where they come from, its history.
let opened;

async function showDetail(place, fingerprint, turn) {
  const id = encodeURIComponent(fingerprint);
  try {
    const [alert, history] = await Promise.all([
      ask(`/api/v1/occurrences/${id}`),
      ask(`/api/v1/occurrences/${id}/history?limit=50`),
    ]);
    if (turn !== turns) return;
    opened = alert;
    place.replaceChildren(...detail(alert), ...fieldTable(alert), ...timeline(history.items));
    place.hidden = false;
    showRouting(place, alert, turn);
  } catch (error) {
    if (turn !== turns) return;
    place.replaceChildren(closing(), element("p", word.failed + error.message));
    place.hidden = false;
  }
}

function closing() {
  const link = element("a", word.close, "close");
  link.href = moved({ open: null });
  return link;
}

function detail(alert) {
  const title = element("h2", alert.name);
  title.id = "detail-title";
  title.tabIndex = -1;
  const line = element("p", undefined, "line");
  line.append(badge(alert.severity), " ", state(alert), " ");
  line.append(element("span", [].concat(alert.source || []).join(", "), "faint"), " ", age(alert.lastReceived));
  if (alert.dismissed) line.append(" ", element("span", word.dismissed, "faint"));
  const made = [closing(), title, line];
  const about = alert.description || alert.message;
  if (about) made.push(element("p", about, "about"));
  const link = outside(alert.url, word.open);
  if (link) {
    const paragraph = element("p");
    paragraph.append(link);
    made.push(paragraph);
  }
  made.push(actions(alert));
  return made;
}

function state(alert) {
  const text = word[alert.status] || alert.status;
  return element("span", text, `state ${alert.status}`);
}

function badge(severity) {
  return element("span", word[severity] || severity, `badge ${severity}`);
}

function actions(alert) {
  const box = element("div", undefined, "actions");
  const acknowledged = alert.status === "acknowledged";
  const ack = button(acknowledged ? word.unack : word.ack, () => acknowledge(alert));
  ack.id = "ack";
  box.append(ack);
  if (alert.dismissed) {
    box.append(button(word.undismiss, () => change(alert, { dismiss_until: null })));
  } else {
    const form = element("form", undefined, "together");
    const select = element("select");
    select.id = "dismiss";
    select.setAttribute("aria-label", word.until);
    for (const [hours, text] of [[1, word.hours(1)], [4, word.hours(4)], [24, word.days(1)], [168, word.days(7)], [0, word.forever]]) {
      const option = element("option", text);
      option.value = hours;
      select.append(option);
    }
    form.append(select, submit(word.dismiss));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const hours = Number(select.value);
      const until = hours ? new Date(Date.now() + hours * 3600e3).toISOString() : "forever";
      change(alert, { dismiss_until: until });
    });
    box.append(form);
  }
  box.append(textForm("assignee", word.assignee, word.assign, alert.assignee, (text) =>
    change(alert, { assignee: text || null })));
  box.append(textForm("note", word.note, word.saveNote, alert.note, (text) =>
    change(alert, { note: text || null }), true));
  return box;
}

function submit(text) {
  const made = element("button", text);
  made.type = "submit";
  return made;
}

function textForm(id, label, doing, value, act, long) {
  const form = element("form", undefined, long ? "together long" : "together");
  const input = element(long ? "textarea" : "input");
  input.id = id;
  input.value = value || "";
  input.setAttribute("aria-label", label);
  input.placeholder = label;
  if (long) input.rows = 2;
  form.append(input, submit(doing));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(input.value.trim());
  });
  return form;
}

function acknowledge(alert) {
  return change(alert, { status: alert.status === "acknowledged" ? null : "acknowledged" });
}

async function change(alert, changes) {
  try {
    await ask(`/api/v1/occurrences/${encodeURIComponent(alert.fingerprint)}/changes`, changes);
    say(word.done);
    await refresh(true);
  } catch (error) {
    say(word.refused + error.message, true);
  }
}

// Fields said elsewhere on the page, or that say how the alert is kept.
const told = new Set(["name", "severity", "status", "enriched_fields", "pushed", "description", "event_id"]);
// Fields this server counts or decides.
const own = new Set([
  "firingStartTime", "firingStartTimeSinceLastResolved", "firingCounter", "unresolvedCounter", "startedAt",
  "isFullDuplicate", "isPartialDuplicate", "providerType", "providerId", "duplicates", "routedAs", "maintenance",
]);

function fieldTable(alert) {
  const added = new Map((alert.enrichments || []).map((one) => [one.key, one]));
  const rows = [];
  const row = (name, value, origin) => {
    if (value === null || value === "" || value === false || (Array.isArray(value) && !value.length)) return;
    rows.push([name, value, origin]);
  };
  for (const [name, value] of Object.entries(alert)) {
    const one = added.get(name);
    if (name === "enrichments" || (told.has(name) && !one)) continue;
    if (!one && value && typeof value === "object" && !Array.isArray(value)) {
      for (const [below, inner] of Object.entries(value)) row(`${name}.${below}`, inner);
    } else {
      row(name, value, one);
    }
  }
  // What was added first, what is only counted last.
  const rank = ([name, , one]) => (one ? 0 : own.has(name) ? 2 : 1);
  rows.sort((a, b) => rank(a) - rank(b));
  const table = element("table");
  const head = element("tr");
  for (const text of [word.field, word.value, word.from]) {
    const cell = element("th", text);
    cell.scope = "col";
    head.append(cell);
  }
  const top = element("thead");
  top.append(head);
  const body = element("tbody");
  for (const [name, value, one] of rows) {
    const line = element("tr", undefined, one ? "added" : undefined);
    const key = element("th", name);
    key.scope = "row";
    const shown = element("td");
    const link = typeof value === "string" ? outside(value, value) : undefined;
    const plain = Array.isArray(value) && value.every((item) => typeof item === "string");
    shown.append(link || (plain ? value.join(", ") : shownValue(value)));
    line.append(key, shown, origin(name, one));
    body.append(line);
  }
  table.append(top, body);
  const wide = element("div", undefined, "wide");
  wide.append(table);
  return [element("h3", word.fields), wide];
}

function origin(name, one) {
  if (!one) return element("td", own.has(name) ? "Bongsu" : word.sender, "faint");
  const cell = element("td", one.origin);
  const more = [time(one.at)];
  if (one.expiresAt) more.push(`${word.until} ${time(one.expiresAt)}`);
  if (one.disposable) more.push(word.once);
  if (one.instead !== null && one.instead !== undefined) more.push(`${word.instead} ${shownValue(one.instead)}`);
  cell.append(element("div", more.join(", "), "faint"));
  return cell;
}

function timeline(items) {
  const list = element("ol", undefined, "timeline");
  for (const item of items) {
    const entry = element("li");
    entry.append(element("strong", word[item.kind] || item.kind), " ", element("span", time(item.at), "faint"));
    const detail = item.detail || {};
    const parts = [];
    if (item.kind === "edited" || item.kind === "lapsed") {
      if (item.kind === "edited") parts.push(detail.by || word.someone);
      for (const [key, value] of Object.entries(detail.set || {})) parts.push(`${key} = ${shownValue(value)}`);
      for (const key of detail.removed || []) parts.push(`${key}: ${word.back}`);
    }
    if (detail.status) parts.push(word[detail.status] || detail.status);
    if (detail.severity) parts.push(word[detail.severity] || detail.severity);
    entry.append(element("div", parts.join(" · ")));
    list.append(entry);
  }
  return [element("h3", word.history), list];
}

// Whom it goes to, and what keeps it from going.
async function showRouting(place, alert, turn) {
  const part = element("section");
  part.append(element("h3", word.routing));
  try {
    if (!alert.routedAs) throw new Error();
    const story = await ask(`/api/v1/alerts/${alert.routedAs}/explain`);
    const list = element("ul", undefined, "timeline");
    for (const route of story.routes) {
      const entry = element("li");
      entry.append(element("strong", `${word.receiver} ${route.receiver}`));
      for (const name of route.muted_by) entry.append(element("div", `${word.muted} ${name}`));
      const last = route.deliveries[0];
      if (last) {
        const outcome = last.delivered ? word.sent : word.notSent;
        entry.append(element("div", `${word.lastSent}: ${time(last.at)} ${outcome} (${last.answer})`, last.delivered ? "faint" : "bad"));
      }
      list.append(entry);
    }
    for (const id of story.alert.silenced_by) {
      const entry = element("li", `${word.silenced} `);
      const link = element("a", id);
      link.href = `#/silences/${id}`;
      entry.append(link);
      list.append(entry);
    }
    for (const id of story.alert.inhibited_by) list.append(element("li", `${word.inhibited} ${id}`));
    part.append(list);
  } catch {
    part.append(element("p", word.notRouted, "faint"));
  }
  if (turn === turns) place.append(part);
}
