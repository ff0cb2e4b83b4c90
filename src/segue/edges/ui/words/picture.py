"""Words of the picture: those in {…} are put in by the browser."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "play": ("Play", "播放"),
    "pause": ("Pause", "暂停"),
    "whole": ("Whole", "全部"),
    "closer": ("Zoom in", "放大"),
    "farther": ("Zoom out", "缩小"),
    "place": ("Place shown", "显示位置"),
    "tools": ("Picture", "波形工具"),
    "segment": ("{number}: {start} to {end} s", "{number}：{start} 至 {end} 秒"),
    "segments": (
        "{label}: waveform of {duration}, {count} segments",
        "{label}：时长 {duration} 的波形，共 {count} 个片段",
    ),
    "none": ("{label}: waveform of {duration}, no segments", "{label}：时长 {duration} 的波形，没有片段"),
    "time": ("{time} s, probability {score}", "{time} 秒，语音概率 {score}"),
    "keys": (
        "Click a segment to hear it. Keys: arrows from one to the next, Enter plays, + and - zoom, Esc stops.",
        "点击片段即可播放。键盘：方向键切换片段，回车播放，+ 和 - 缩放，Esc 停止。",
    ),
}
