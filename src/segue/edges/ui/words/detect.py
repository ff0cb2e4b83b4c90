"""Words of the tab detect."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "file": ("Audio or video file", "音频或视频文件"),
    "record": ("Or record", "或录音"),
    "limits": (
        "Any format with sound in it: wav, flac, mp3, m4a, ogg, amr, webm, mp4, mkv …; up to {size} and {hours} hours. "
        "It is deleted within two hours.",
        "支持任何含音轨的格式：wav、flac、mp3、m4a、ogg、amr、webm、mp4、mkv 等；"
        "最大 {size}、{hours} 小时；两小时内删除。",
    ),
    "no_microphone": (
        "This browser gives no microphone here: the address is neither of this machine nor encrypted. Open the page at "
        "http://127.0.0.1 (through an SSH tunnel, say), or put the service behind https. Files work all the same.",
        "浏览器在此地址不提供麦克风：既非本机地址，也未使用 https。请通过 http://127.0.0.1 打开"
        "（例如借助 SSH 隧道），或为服务配置 https。上传文件不受影响。",
    ),
    "go": ("Detect", "检测"),
    "cancel": ("Cancel", "取消"),
    "options": ("Mode and thresholds", "模式与阈值"),
    "own": ("the version's own", "采用版本设定"),
    "mode": ("Mode", "模式"),
    "mode_about": (
        "classic: FunASR's, for recognition; dynamic: pauses by length; tight: close to the speech",
        "classic：与 FunASR 一致，适合识别；dynamic：按时长调整停顿；tight：紧贴语音",
    ),
    "preset": ("Preset", "预设"),
    "preset_none": ("none", "不使用"),
    "channels": ("Channels", "声道"),
    "mix": ("mixed", "混合"),
    "split": ("each by itself", "逐声道"),
    "speech_noise_thres": (
        "speech_noise_thres (-1 to 1; classic, dynamic)",
        "speech_noise_thres（-1 至 1；classic、dynamic）",
    ),
    "max_end_silence_time": (
        "max_end_silence_time, ms (classic, dynamic)",
        "max_end_silence_time，毫秒（classic、dynamic）",
    ),
    "threshold": ("threshold (0 to 1; tight)", "threshold（0 至 1；tight）"),
    "neg_threshold": ("neg_threshold (0 to 1; tight)", "neg_threshold（0 至 1；tight）"),
    "min_silence_duration_ms": ("min_silence_duration_ms (tight)", "min_silence_duration_ms，毫秒（tight）"),
    "no_file": ("Give a file or record something first.", "请先上传文件或录音。"),
    "waits": ("It waits for its turn.", "正在排队。"),
    "under_way": ("{heard} of {whole} heard ({percent} %).", "已检测 {heard}，共 {whole}（{percent} %）。"),
    "under_way_open": ("{heard} heard.", "已检测 {heard}。"),
    "draws": ("The picture is being drawn.", "正在绘制波形。"),
    "cancelled": ("Cancelled.", "已取消。"),
    "nothing": (
        "No speech was found in {name}. For soft or distant speech try the preset far-field, for steady noise the "
        "preset noisy, or a lower threshold.",
        "在 {name} 中没有检测到语音。声音较小或距离较远请尝试预设 far-field，有稳定噪声请尝试预设 noisy，或降低阈值。",
    ),
    "found": (
        "{name}: {count} segments, {speech} s of speech in {whole} s ({share} %).",
        "{name}：共 {count} 个片段，语音 {speech} 秒，总长 {whole} 秒（占 {share} %）。",
    ),
    "found_one": (
        "{name}: 1 segment, {speech} s of speech in {whole} s ({share} %).",
        "{name}：共 1 个片段，语音 {speech} 秒，总长 {whole} 秒（占 {share} %）。",
    ),
    "made": (
        "Answered by {model}, version {version}, mode {mode}, in {took} ms ({times} times real time).",
        "由 {model} 检测，版本 {version}，模式 {mode}，用时 {took} 毫秒（实时的 {times} 倍）。",
    ),
    "with_preset": ("{mode} with preset {preset}", "{mode}，预设 {preset}"),
    "caption": ("Segments, in seconds", "片段（单位：秒）"),
    "number": ("Number", "序号"),
    "channel": ("Channel", "声道"),
    "channel_of": ("Channel {number}", "声道 {number}"),
    "start": ("Start", "开始"),
    "end": ("End", "结束"),
    "duration": ("Duration", "时长"),
    "total": ("Total", "合计"),
    "hear": ("Play segment {number}", "播放片段 {number}"),
    "cut": ("The first {count} are shown; the downloads have all.", "仅显示前 {count} 个，下载文件包含全部。"),
    "downloads": ("Downloads", "下载结果"),
    "probability": ("Speech", "语音"),
}
