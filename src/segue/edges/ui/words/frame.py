"""Words around the tabs."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("Segue: speech endpoint detection", "Segue：语音端点检测"),
    "about": (
        "Find where the speech is. The model is replaced while it runs, without a pause.",
        "检测语音的起止位置；运行中即可更换模型，服务不中断。",
    ),
    "language": ("Language", "语言"),
    "theme": ("Light or dark", "浅色／深色"),
    "detect": ("Detect", "检测服务"),
    "live": ("Live", "实时"),
    "models": ("Models", "模型管理"),
    "compare": ("Compare", "对比"),
    "api": ("API documentation", "接口文档"),
    "serving": ("{model} serves (version {version})", "当前模型：{model}（版本 {version}）"),
    "not_ready": ("No version is ready yet: {why}", "模型尚未就绪：{why}"),
}
