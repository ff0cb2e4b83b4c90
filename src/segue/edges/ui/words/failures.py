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
    "busy": ("Another change is under way: {detail}", "另一项变更正在进行：{detail}"),
    "superseded": ("It was cancelled, or something else was faster: {detail}", "已取消，或被其他变更抢先：{detail}"),
    "invalid_model_id": ("There can be no such model: {detail}", "模型名称无效：{detail}"),
    "model_not_found": ("There is no such model: {detail}", "找不到该模型：{detail}"),
    "origin_unavailable": ("The model cannot be fetched now: {detail}", "暂时无法获取模型：{detail}"),
    "digest_mismatch": ("The model is not what it should be: {detail}", "模型内容校验不通过：{detail}"),
    "model_incomplete": ("The model lacks a file: {detail}", "模型文件不完整：{detail}"),
    "model_unsupported": ("The model wants what Segue does not have: {detail}", "不支持该模型：{detail}"),
    "model_invalid": ("The model cannot be loaded: {detail}", "模型无法加载：{detail}"),
    "preparation_failed": ("The version could not be prepared: {detail}", "版本准备失败：{detail}"),
    "insufficient_memory": (
        "There is not enough memory for another version: {detail}",
        "内存不足，无法再加载一个版本：{detail}",
    ),
    "invalid_parameter": ("A parameter is not accepted: {detail}", "参数无效：{detail}"),
    "invalid_plan": ("The plan is not accepted: {detail}", "发布计划无效：{detail}"),
    "golden_failed": ("It does worse on the golden clips: {detail}", "基准录音测试未通过：{detail}"),
    "nothing_to_roll_back": ("There is nothing to go back to: {detail}", "没有可回滚的版本：{detail}"),
    "version_in_use": ("The version is in use: {detail}", "版本正在使用：{detail}"),
    "version_not_ready": ("The version is not ready: {detail}", "版本尚未就绪：{detail}"),
    "unknown_version": ("There is no such version: {detail}", "没有该版本：{detail}"),
    "unknown_rollout": ("There is no such rollout under way: {detail}", "没有进行中的灰度发布：{detail}"),
    "illegal_transition": ("The version cannot do that now: {detail}", "版本当前状态不允许该操作：{detail}"),
    "journal_unavailable": (
        "The journal cannot be used, so nothing is changed: {detail}",
        "操作日志不可用，未做更改：{detail}",
    ),
    "store": ("The store of models cannot be used: {detail}", "本地模型库不可用：{detail}"),
    "shutting_down": ("The service is being stopped: {detail}", "服务正在停止：{detail}"),
    "inference_failed": ("The model fails: {detail}", "模型运行出错：{detail}"),
    "malformed_output": ("The model's answer makes no sense: {detail}", "模型输出无效：{detail}"),
    "model_died": ("The model's process has ended: {detail}", "模型进程已退出：{detail}"),
    "overloaded": ("The service is full: {detail}", "服务已满负荷，请稍后再试：{detail}"),
    "too_many_requests": ("Too much at once from this address: {detail}", "来自该地址的请求过多，请稍后再试：{detail}"),
    "invalid_samples": ("The audio cannot be used: {detail}", "音频无法使用：{detail}"),
    "bad_request": ("The page sent what is not understood: {detail}", "页面发送的内容无法识别：{detail}"),
    "body_too_slow": ("Nothing came for too long: {detail}", "长时间没有收到音频：{detail}"),
    "body_too_large": ("Too much was sent at once: {detail}", "一次发送的数据过大：{detail}"),
    "audio_not_found": (
        "The file is not there any more, give it again: {detail}",
        "文件已不存在，请重新上传：{detail}",
    ),
    "audio_unreadable": ("The file cannot be read: {detail}", "无法读取文件：{detail}"),
    "audio_empty": ("The file is empty: {detail}", "文件为空：{detail}"),
    "audio_undecodable": (
        "This is not audio, or a format that is not known: {detail}",
        "不是音频文件，或格式不受支持：{detail}",
    ),
    "audio_truncated": ("The file is damaged or not whole: {detail}", "文件损坏或不完整：{detail}"),
    "no_audio_track": ("There is no sound in the file: {detail}", "文件中没有音轨：{detail}"),
    "audio_too_long": ("The recording is too long: {detail}", "录音过长：{detail}"),
}
