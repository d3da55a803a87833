// The raw data form is sent by script, so the page's key travels as the header.
$(document).ajaxSend(function (event, request) {
  request.setRequestHeader("Idempotency-Key", $("meta[name=idempotency-key]").attr("content"));
});
