// The web page's files, as they were when the plugin was built.
#pragma once

#include <string_view>

namespace admin {

extern const std::string_view kPageHtml, kPageCss, kPageJs;

}  // namespace admin
