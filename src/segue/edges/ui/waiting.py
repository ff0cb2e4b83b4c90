"""What a browser sees where the page is not: before it is loaded, where it cannot be, and at a closed door."""

from html import escape

from starlette.responses import HTMLResponse

ICON = (
    '<link rel="icon" href="data:image/svg+xml,'
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath stroke='%232563a8' stroke-width='2' "
    "stroke-linecap='round' d='M2 7v2M5 4v8M8 6v4M11 2v12M14 6v4'/%3E%3C/svg%3E\">"
)
"""For the head of every page: a waveform, in the address itself, so that nothing is asked for."""

_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Segue</title>{icon}{head}
<style>
:root {{ color-scheme: light dark; font: 1.1rem/1.6 system-ui, sans-serif; }}
body {{ max-width: 36rem; margin: 15vh auto; padding: 0 1rem; }}
input, button {{ font: inherit; padding: .4rem .8rem; }}
input {{ width: 100%; box-sizing: border-box; margin: .5rem 0; }}
</style></head><body><h1>Segue</h1>{body}</body></html>
"""

_WAIT = """<p role="status">The page is being loaded: a few seconds. Detection is ready.</p>
<p lang="zh">页面正在加载，请稍候几秒；检测服务已可用。</p>"""

_LOGIN = """<p>This service is closed: give the content of <code>$SEGUE_HOME/token</code> on its machine.</p>
<p lang="zh">本服务需要令牌：请填入服务器上 <code>$SEGUE_HOME/token</code> 的内容。</p>
<form><label for="token">Token 令牌</label><input id="token" type="password" autocomplete="current-password">
<button>Open 打开</button><p role="alert" id="said"></p></form>
<script>
document.forms[0].addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await segueToken(document.getElementById("token").value.trim())) location.reload();
  else document.getElementById("said").textContent = "The token is wrong. 令牌错误。";
});
</script>"""

TOKEN_SCRIPT = """<script>
// The link that segue serve printed carries the token after '#', which browsers send to nobody.
async function segueToken(token) {
  const answer = await fetch("/page/session", {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({token}),
  });
  return answer.ok;
}
function segueTake() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  history.replaceState(null, "", location.pathname + location.search);
  segueToken(given).then(() => location.reload());
}
addEventListener("hashchange", segueTake);  // the link, given to a page that is open already
segueTake();
</script>"""
"""For the head of every page: takes the token from the address, and gives it in."""


def waiting(failure: str) -> HTMLResponse:
    """503: not yet, and the browser looks again by itself; or not at all, and why."""
    if failure:
        return HTMLResponse(_FRAME.format(icon=ICON, head="", body=f"<p>{escape(failure)}</p>"), 503)
    head = '<meta http-equiv="refresh" content="1">'
    return HTMLResponse(
        _FRAME.format(icon=ICON, head=head, body=_WAIT), 503, {"Retry-After": "1", "Cache-Control": "no-store"}
    )


def closed() -> HTMLResponse:
    """401: a form for the token."""
    return HTMLResponse(_FRAME.format(icon=ICON, head=TOKEN_SCRIPT, body=_LOGIN), 401, {"Cache-Control": "no-store"})
