// Payloads that could not be mapped: looking at them, mapping them again.
async function showErrors({ query }, turn) {
  const heading = element("h2", word.errors);
  let page;
  try {
    page = await ask("/api/v1/payloads?problems=true&limit=200");
  } catch (error) {
    if (turn === turns) view.replaceChildren(heading, element("p", word.failed + error.message));
    return;
  }
  if (turn !== turns) return;
  const list = element("ul", undefined, "list");
  for (const item of page.items) list.append(problem(item, query.get("open")));
  view.replaceChildren(heading);
  if (!page.items.length) return view.append(element("p", word.noErrors));
  const again = async () => {
    // The oldest first, as they came.
    let left = 0;
    for (const item of [...page.items].reverse()) {
      if (!(await replay(item.id, true))) left += 1;
    }
    say(left ? word.unmapped + left : word.all, left > 0);
    show();
  };
  view.append(element("p", word.errorsIntro, "faint"), button(word.replayAll, again), list);
  const open = document.getElementById("payload");
  if (open) showPayload(open, query.get("open"));
}

function problem(item, open) {
  const entry = element("li");
  const here = String(item.id) === open;
  const link = element("a", `${word.payload} ${item.id}`);
  link.href = here ? "#/errors" : `#/errors?open=${item.id}`;
  link.setAttribute("aria-expanded", String(here));
  entry.append(element("strong", item.provider), " ", link, " ");
  const instance = item.instance ? `${item.instance}, ` : "";
  entry.append(element("span", `${instance}${time(item.at)}, ${item.bytes} ${word.bytes}`, "faint"));
  entry.append(element("div", item.problem, "bad"));
  const actions = element("div", undefined, "actions");
  const named = (made) => {
    made.setAttribute("aria-label", `${made.textContent}: ${word.payload} ${item.id}`);
    return made;
  };
  actions.append(named(button(word.replay, async () => { await replay(item.id); show(); })));
  actions.append(named(button(word.drop, async () => {
    try {
      await ask("/api/v1/payloads/dismiss", { id: item.id });
      say(word.done);
    } catch (error) {
      say(word.refused + error.message, true);
    }
    show();
  })));
  entry.append(actions);
  if (here) {
    const body = element("pre");
    body.id = "payload";
    body.tabIndex = 0;
    entry.append(body);
  }
  return entry;
}

async function showPayload(place, id) {
  try {
    const { body } = await ask(`/api/v1/payloads/${encodeURIComponent(id)}`);
    let text = body;
    try {
      text = JSON.stringify(JSON.parse(body), null, 2);
    } catch { /* no JSON: as it came */ }
    place.textContent = text.slice(0, 200000);
  } catch (error) {
    place.textContent = word.failed + error.message;
  }
}

// Whether it could be mapped now.
async function replay(id, quiet) {
  try {
    const receipt = await ask(`/api/v1/payloads/${id}/replay`, {});
    if (!quiet) {
      say(receipt.problem ? word.unmapped + receipt.problem : word.mapped(receipt.alerts), !!receipt.problem);
    }
    return !receipt.problem;
  } catch (error) {
    say(word.refused + error.message, true);
    return false;
  }
}
