// Which format a scraper wants, from its Accept field (RFC 9110 12.5.1).
#pragma once

#include <string_view>

namespace prometheus {

enum class Format { kText, kOpenMetrics };

// OpenMetrics where it is listed with a weight, and no lower one than text/plain or */*; else text.
Format negotiate(std::string_view accept);
std::string_view content_type(Format format);

}  // namespace prometheus
