"""Words of the tab live: those in {…} are put in by the browser."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "start": ("Start listening", "开始监听"),
    "stop": ("Stop", "停止"),
    "keys": (
        "Keys: the space bar in the picture starts and stops, Esc stops.",
        "键盘：焦点在波形区时按空格键开始或停止，Esc 键停止。",
    ),
    "mode": ("Mode", "检测模式"),
    "mode_own": ("The version's own", "跟随模型版本"),
    "mode_classic": ("Classic", "经典（classic）"),
    "mode_dynamic": ("Dynamic", "动态（dynamic）"),
    "mode_tight": ("Tight", "紧凑（tight）"),
    "preset": ("Preset", "预设"),
    "preset_own": ("The version's own", "跟随模型版本"),
    "preset_none": ("None", "不使用预设"),
    "preset_noisy": ("Steady noise", "稳态噪声（noisy）"),
    "preset_far-field": ("Far from the microphone", "远场拾音（far-field）"),
    "policy": ("When the model is replaced", "更换模型时"),
    "policy_follow": ("Follow at once", "立即跟随"),
    "policy_at-silence": ("Follow at the next silence", "静音时再切换"),
    "policy_pin": ("Keep the old one, up to 10 minutes", "保持旧版本（最长 10 分钟）"),
    "settings": ("Settings of the next start", "监听设置（下次开始时生效）"),
    "idle": ("Not listening", "未监听"),
    "opening": ("Opening the microphone…", "正在打开麦克风……"),
    "silence": ("Silence", "静音"),
    "speech": ("Speech", "说话中"),
    "ending": ("Ending…", "正在结束……"),
    "open_for": ("for {seconds} s", "已持续 {seconds} 秒"),
    "picture": (
        "Live picture: waveform, probability of speech and segments of the last seconds",
        "实时波形图：最近一段时间的波形、语音概率和语音片段",
    ),
    "probability": ("Probability of speech", "语音概率"),
    "version": ("Version", "模型版本"),
    "model": ("Model", "模型"),
    "decides": ("{mode}", "{mode} 模式"),
    "decides_preset": ("{mode}, preset {preset}", "{mode} 模式，预设 {preset}"),
    "heard": ("Heard", "已监听"),
    "speech_total": ("Speech", "语音时长"),
    "share": ("Speech share", "语音占比"),
    "delay": ("Delay", "延迟"),
    "count": ("Segments", "片段数"),
    "seconds": ("{seconds} s", "{seconds} 秒"),
    "milliseconds": ("{ms} ms", "{ms} 毫秒"),
    "segments": ("Segments, the newest first (the last {most})", "语音片段，最新在前（保留最近 {most} 个）"),
    "number": ("No.", "序号"),
    "began": ("Start (s)", "开始（秒）"),
    "ended": ("End (s)", "结束（秒）"),
    "duration": ("Duration (s)", "时长（秒）"),
    "is_open": ("speaking", "进行中"),
    "none_yet": ("No segment yet: say something.", "还没有语音片段：请对着麦克风说话。"),
    "happened": ("Model changes and faults", "模型更换与异常"),
    "changed": (
        "At {at} s the model was replaced: from version {before} to {after} ({decides}). The stream went on.",
        "第 {at} 秒更换了模型：版本 {before} → {after}（{decides}），实时检测未中断。",
    ),
    "marker": ("→ {after}", "→ {after}"),
    "goes_on": (
        "{text} Listening goes on; nothing of it is lost.",
        "{text} 监听仍在继续，音频不会丢失。",
    ),
    "finished": ("Stopped after {seconds} s.", "已停止，共监听 {seconds} 秒。"),
    "left": (
        "Stopped: this tab was not looked at for a minute.",
        "已停止：离开本标签页超过一分钟。",
    ),
    "insecure": (
        "This browser gives no microphone to {origin}: only to pages of this machine or over TLS. "
        "Open the page as http://127.0.0.1:{port} on the server's own machine, by a tunnel "
        "(ssh -L {port}:127.0.0.1:{port} SERVER), or serve with --tls-cert and --tls-key.",
        "浏览器不允许 {origin} 使用麦克风：只有本机地址或 HTTPS 页面可以。"
        "请在服务器本机打开 http://127.0.0.1:{port}，或用 SSH 隧道（ssh -L {port}:127.0.0.1:{port} 服务器），"
        "或以 --tls-cert 和 --tls-key 启动服务。",
    ),
    "denied": (
        "The microphone is not allowed for this page: allow it in the browser's settings for it, and start again.",
        "麦克风权限被拒绝：请在浏览器的网站设置中允许使用麦克风，然后重新开始。",
    ),
    "no_microphone": (
        "There is no microphone: connect one, and start again.",
        "未找到麦克风：请连接麦克风后重新开始。",
    ),
    "microphone_busy": (
        "The microphone cannot be opened ({detail}): close other programs that use it, and start again.",
        "无法打开麦克风（{detail}）：请关闭占用它的其他程序后重新开始。",
    ),
    "microphone_lost": (
        "The microphone is gone: connect it again, and start again.",
        "麦克风已断开：请重新连接后再开始。",
    ),
    "gone": (
        "The connection to the service is lost: see that it runs, and start again.",
        "与服务的连接已断开：请确认服务正在运行，然后重新开始。",
    ),
    "behind": (
        "The service or the network does not keep up, {seconds} s behind: stopped. Start again later.",
        "服务或网络跟不上，已落后 {seconds} 秒，监听已停止：请稍后重新开始。",
    ),
}
