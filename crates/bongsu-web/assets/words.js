// The page: alerts of every kind, what is routed, silences, payloads that could not be mapped.
// All text comes in through textContent: alert text is never markup. Every view has an address.
"use strict";
const words = {
  en: {
    alerts: "Routed alerts", silences: "Silences", none: "Nothing here.", failed: "Could not be loaded: ",
    more: "Only the first 200 are shown.", since: "since", until: "until", by: "by", source: "source",
    active: "active", suppressed: "suppressed", pending: "pending", expired: "expired",
    firing: "firing", resolved: "resolved", acknowledged: "acknowledged", maintenance: "maintenance",
    critical: "critical", high: "high", warning: "warning", info: "info", low: "low",
    feed: "Alerts", presets: "Saved searches", every: "all", search: "Search alerts",
    searchHint: "words, or a condition: severity >= 'high' && service == 'db'",
    find: "Search", asCel: "condition", asWords: "words", save: "Save search",
    saveName: "Name of the search", saved: "Saved as ", forget: "Remove search", forgetSure: (name) => `Remove the search ${name}?`, filters: "Filters", clear: "Clear filters",
    missing: "(none)", count: (shown, total) => `${shown} of ${total}`, loadMore: "Show more",
    noAlerts: "No alert fits.", noneYet: "No alert has come yet. Send one to POST /alerts/event/{provider}.",
    severity: "Severity", status: "Status", providerType: "Provider", service: "Service",
    environment: "Environment", close: "Close", ack: "Acknowledge", unack: "Take back acknowledgement",
    dismiss: "Dismiss", undismiss: "No longer dismiss", forever: "for good", hours: (n) => `for ${n} h`,
    days: (n) => `for ${n} d`, assign: "Assign", assignee: "Who takes care", note: "Note",
    saveNote: "Save note", fields: "Fields", field: "Field", value: "Value", from: "From",
    sender: "sender", instead: "instead of", once: "until the next report", history: "History", routing: "Routing",
    receiver: "receiver", silenced: "silenced by", inhibited: "inhibited by", muted: "muted by",
    sent: "sent", notSent: "not sent", lastSent: "last", notRouted: "Not routed.",
    done: "Done.", refused: "Refused: ", duplicates: "repeats", dismissed: "dismissed",
    fired: "fired", changed: "changed", edited: "changed by hand", lapsed: "something ended",
    late: "reported late", back: "given back", someone: "someone", open: "Open the sender's page",
    errors: "Not mapped", errorsIntro: "Payloads whose provider's manifest could not map them. They are kept; correct the manifest, then map them again.",
    noErrors: "Every payload could be mapped.", replay: "Map again", replayAll: "Map all again",
    drop: "Take off the list", payload: "Payload", bytes: "bytes", mapped: (n) => `Mapped: ${n} alert(s).`,
    unmapped: "Still not mapped: ", all: "All taken.", group: "Grouped by",
    workflows: "Workflows", noWorkflows: "There is none. Put files into workflows/ or save one with `bongsu workflow save`.",
    runs: "Runs", noRuns: "It has not run yet.", oneRun: "Run", run: "Run now", off: "off", version: "version", text: "Text",
    running: "runs", queued: "waits for its turn", asks: "asks", succeeded: "succeeded", runFailed: "failed", timed_out: "took too long", cancelled: "stopped",
    approve: "Approve", refuse: "Refuse", cancel: "Stop", rerun: "Run again",
    updated: "Updated", keys: "Keys", light: "Light", dark: "Dark", theme: "Light or dark",
    help: [
      ["j k", "next, previous alert"], ["Enter", "open"], ["Esc", "close"], ["/", "search"],
      ["a", "acknowledge, or take that back"], ["d", "dismiss"], ["m", "assign"], ["n", "note"],
      ["1 … 9", "saved searches"], ["r", "load again"], ["?", "this list"],
    ],
  },
  ko: {
    alerts: "라우팅된 알림", silences: "무음", none: "없습니다.", failed: "불러오지 못했습니다: ",
    more: "처음 200건만 보입니다.", since: "시작", until: "종료", by: "작성", source: "출처",
    active: "발생 중", suppressed: "억제됨", pending: "예정", expired: "만료",
    firing: "발생 중", resolved: "해결됨", acknowledged: "확인됨", maintenance: "점검 중",
    critical: "심각", high: "높음", warning: "경고", info: "정보", low: "낮음",
    feed: "알림", presets: "저장된 검색", every: "전체", search: "알림 검색",
    searchHint: "단어 또는 조건식: severity >= 'high' && service == 'db'",
    find: "검색", asCel: "조건식", asWords: "단어", save: "검색 저장",
    saveName: "검색 이름", saved: "저장했습니다: ", forget: "검색 삭제", forgetSure: (name) => `${name} 검색을 삭제할까요?`, filters: "필터", clear: "필터 지우기",
    missing: "(없음)", count: (shown, total) => `${total}건 중 ${shown}건`, loadMore: "더 보기",
    noAlerts: "맞는 알림이 없습니다.", noneYet: "아직 알림이 없습니다. POST /alerts/event/{provider}로 보내세요.",
    severity: "심각도", status: "상태", providerType: "제공자", service: "서비스",
    environment: "환경", close: "닫기", ack: "확인", unack: "확인 취소",
    dismiss: "무시", undismiss: "무시 취소", forever: "계속", hours: (n) => `${n}시간`,
    days: (n) => `${n}일`, assign: "담당 지정", assignee: "담당자", note: "메모",
    saveNote: "메모 저장", fields: "필드", field: "필드", value: "값", from: "출처",
    sender: "발신 시스템", instead: "원래 값", once: "다음 보고까지", history: "이력", routing: "라우팅",
    receiver: "수신자", silenced: "무음", inhibited: "억제 알림", muted: "시간대 음소거",
    sent: "전송됨", notSent: "전송 실패", lastSent: "최근", notRouted: "라우팅되지 않았습니다.",
    done: "완료했습니다.", refused: "거부되었습니다: ", duplicates: "반복", dismissed: "무시됨",
    fired: "발생", changed: "변경", edited: "수동 변경", lapsed: "기한 종료",
    late: "늦게 도착", back: "원래대로", someone: "누군가", open: "발신 시스템 페이지 열기",
    errors: "매핑 실패", errorsIntro: "제공자의 매니페스트가 해석하지 못한 페이로드입니다. 보관되어 있으니 매니페스트를 고친 뒤 다시 매핑하세요.",
    noErrors: "모든 페이로드가 매핑되었습니다.", replay: "다시 매핑", replayAll: "모두 다시 매핑",
    drop: "목록에서 빼기", payload: "페이로드", bytes: "바이트", mapped: (n) => `매핑되었습니다: 알림 ${n}건.`,
    unmapped: "아직 매핑되지 않았습니다: ", all: "모두 처리했습니다.", group: "묶음 기준",
    workflows: "워크플로", noWorkflows: "아직 없습니다. workflows/에 파일을 두거나 `bongsu workflow save`로 저장하세요.",
    runs: "실행", noRuns: "아직 실행되지 않았습니다.", oneRun: "실행", run: "지금 실행", off: "꺼짐", version: "버전", text: "내용",
    running: "실행 중", queued: "순서 대기", asks: "승인 대기", succeeded: "성공", runFailed: "실패", timed_out: "시간 초과", cancelled: "중지됨",
    approve: "승인", refuse: "거절", cancel: "중지", rerun: "다시 실행",
    updated: "갱신", keys: "단축키", light: "밝게", dark: "어둡게", theme: "밝게 또는 어둡게",
    help: [
      ["j k", "다음, 이전 알림"], ["Enter", "열기"], ["Esc", "닫기"], ["/", "검색"],
      ["a", "확인 또는 확인 취소"], ["d", "무시"], ["m", "담당 지정"], ["n", "메모"],
      ["1 … 9", "저장된 검색"], ["r", "다시 불러오기"], ["?", "이 목록"],
    ],
  },
};
const root = document.documentElement;
const word = words[root.lang] || words.en;
const base = root.dataset.prefix;
const view = document.getElementById("view");

// A new element; nothing in it is parsed.
function element(tag, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function button(text, act, kind) {
  const made = element("button", text, kind);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

// Only addresses that lead to the web become links.
function outside(address, text) {
  if (!/^https?:\/\//.test(address || "")) return undefined;
  const link = element("a", text);
  link.href = address;
  link.rel = "noreferrer noopener";
  return link;
}

function time(text) {
  const at = new Date(text);
  return isNaN(at) ? String(text) : at.toLocaleString(root.lang);
}

// How long ago, with the instant behind it.
function age(text) {
  const seconds = Math.max(0, (Date.now() - new Date(text)) / 1000);
  const made = element("time");
  if (isNaN(seconds)) return made;
  const [per, unit] = seconds < 90 ? [1, "second"] : seconds < 5400 ? [60, "minute"]
    : seconds < 129600 ? [3600, "hour"] : [86400, "day"];
  const style = { style: "unit", unit, unitDisplay: "narrow" };
  made.textContent = new Intl.NumberFormat(root.lang, style).format(Math.round(seconds / per));
  made.dateTime = text;
  made.title = time(text);
  return made;
}

function shownValue(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

const said = document.getElementById("said");
let saying = 0;
function say(text, bad) {
  said.textContent = text;
  said.className = bad ? "said bad" : "said";
  clearTimeout(saying);
  saying = setTimeout(() => { said.textContent = ""; }, bad ? 12000 : 4000);
}

// Asks the server; what it refuses is thrown in its words.
async function ask(path, body, method) {
  const options = { headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.method = method || "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer = await fetch(base + path, options);
  // So many questions at once the server refuses; asked again a little later it answers.
  for (let tries = 0; answer.status === 503 && body === undefined && tries < 3; tries += 1) {
    await new Promise((go) => setTimeout(go, 200 + Math.random() * 600));
    answer = await fetch(base + path, options);
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const text = await answer.text();
  let message = `${answer.status} ${text}`;
  try {
    message = JSON.parse(text).message || message;
  } catch { /* not ours */ }
  const error = new Error(message);
  error.status = answer.status;
  throw error;
}

// `#/place?parameters` as its parts, and the other way.
function here() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path || "feed", query: new URLSearchParams(query || "") };
}

function address(path, query) {
  const text = query.toString();
  return `#/${path}${text ? "?" + text : ""}`;
}

// The same place with other parameters; null removes one.
function moved(changes) {
  const { path, query } = here();
  for (const [name, value] of Object.entries(changes)) {
    query.delete(name);
    for (const one of [].concat(value === null ? [] : value)) query.append(name, one);
  }
  return address(path, query);
}
