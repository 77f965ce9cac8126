// -*- C++ -*-
//
// Unsigned integers without a limit. Written for the exact binomials in the lottery reports; not
// meant for cryptography (nothing here runs in constant time).
//
// Works with any compiler since C++98.

#ifndef REPORTS_BIGINT_HH
#define REPORTS_BIGINT_HH

#include <algorithm>
#include <cassert>
#include <ostream>
#include <string>
#include <vector>

class BigInt
{
  // Nine decimal digits fit into a word, and make printing trivial.
  enum { BASE = 1000000000, DIGITS = 9 };
  typedef unsigned long long Wide;

  std::vector<unsigned> m_words;  // the lowest first, no zero at the top

  void Trim()
  {
    while (!m_words.empty() && m_words.back() == 0)
      m_words.pop_back();
  }

public:
  BigInt(unsigned long n = 0)
  {
    for (; n != 0; n /= BASE)
      m_words.push_back(static_cast<unsigned>(n % BASE));
  }

  bool IsZero() const { return m_words.empty(); }

  BigInt& operator+=(const BigInt& other)
  {
    if (m_words.size() < other.m_words.size())
      m_words.resize(other.m_words.size());
    unsigned carry = 0;
    for (size_t i = 0; i < m_words.size(); ++i)
    {
      unsigned sum = m_words[i] + carry + (i < other.m_words.size() ? other.m_words[i] : 0);
      carry = sum >= BASE;
      m_words[i] = carry ? sum - BASE : sum;
    }
    if (carry)
      m_words.push_back(1);
    return *this;
  }

  BigInt& operator*=(const BigInt& other)
  {
    std::vector<unsigned> product(m_words.size() + other.m_words.size());
    for (size_t i = 0; i < m_words.size(); ++i)
    {
      Wide carry = 0;
      for (size_t j = 0; j < other.m_words.size() || carry; ++j)
      {
        Wide t = product[i + j] + carry;
        if (j < other.m_words.size())
          t += Wide(m_words[i]) * other.m_words[j];
        product[i + j] = unsigned(t % BASE);
        carry = t / BASE;
      }
    }
    m_words.swap(product);
    Trim();
    return *this;
  }

  // Divides in place and returns the remainder; all that the binomials need.
  unsigned DivideBy(unsigned divisor)
  {
    assert(divisor != 0);
    Wide rest = 0;
    for (size_t i = m_words.size(); i-- > 0;)
    {
      rest = rest * BASE + m_words[i];
      m_words[i] = unsigned(rest / divisor);
      rest %= divisor;
    }
    Trim();
    return unsigned(rest);
  }

  friend bool operator==(const BigInt& a, const BigInt& b) { return a.m_words == b.m_words; }

  friend bool operator<(const BigInt& a, const BigInt& b)
  {
    if (a.m_words.size() != b.m_words.size())
      return a.m_words.size() < b.m_words.size();
    return std::lexicographical_compare(a.m_words.rbegin(), a.m_words.rend(),
                                        b.m_words.rbegin(), b.m_words.rend());
  }

  std::string ToString() const
  {
    if (IsZero())
      return "0";
    std::string text;
    for (size_t i = 0; i < m_words.size(); ++i)
    {
      unsigned word = m_words[i];
      const bool top = i + 1 == m_words.size();
      for (int d = 0; top ? word != 0 : d < DIGITS; ++d, word /= 10)
        text += char('0' + word % 10);
    }
    std::reverse(text.begin(), text.end());
    return text;
  }
};

inline std::ostream& operator<<(std::ostream& out, const BigInt& n) { return out << n.ToString(); }

inline BigInt Binomial(unsigned n, unsigned k)
{
  BigInt result(1);
  for (unsigned i = 1; i <= std::min(k, n - k); ++i)
  {
    result *= BigInt(n + 1 - i);
    result.DivideBy(i);
  }
  return result;
}

#endif
