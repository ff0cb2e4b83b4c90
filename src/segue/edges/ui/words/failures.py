"""What the page says of a failure, by the code of the error; ``{detail}`` is the error's own line, in English."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "other": ("{detail}", "出错：{detail}"),
    "unauthorized": (
        "The token is missing or wrong: open the link that segue serve printed, or give the content of "
        "$SEGUE_HOME/token.",
        "缺少令牌或令牌错误：请打开 segue serve 启动时打印的链接，或填入 $SEGUE_HOME/token 的内容。",
    ),
    "not_ready": (
        "No version is ready yet: {detail}",
        "模型尚未就绪：{detail}",
    ),
}
