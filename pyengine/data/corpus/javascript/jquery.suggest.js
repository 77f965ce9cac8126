/**
 * jQuery suggest - completes what is typed into a text field.
 *
 *   $('#city').suggest({ url: '/cities', minLength: 2, select: function (item) { ... } });
 *
 * Triggers: suggest:open, suggest:close, suggest:select
 */
;(function ($) {
	var pluginName = 'suggest',
		defaults = {
			url: null,
			param: 'q',
			delay: 150,
			minLength: 1,
			maxItems: 12,
			select: $.noop
		},
		KEY = { TAB: 9, ENTER: 13, ESC: 27, UP: 38, DOWN: 40 };

	function Suggest(element, options) {
		this.$input = $(element).attr('autocomplete', 'off');
		this.options = $.extend({}, defaults, options, this.$input.data());
		this.$list = $('<ul class="suggest" role="listbox"/>').hide().insertAfter(element);
		this.cache = {};
		this._bind();
	}

	Suggest.prototype = {
		constructor: Suggest,

		_bind: function () {
			var self = this;
			this.$input
				.on('input.suggest', function () {
					clearTimeout(self.timer);
					self.timer = setTimeout($.proxy(self.search, self), self.options.delay);
				})
				.on('keydown.suggest', $.proxy(this._onKey, this))
				.on('blur.suggest', function () {
					// later, or a click on the list would find it gone
					setTimeout($.proxy(self.close, self), 200);
				});
			this.$list.on('mousedown', 'li', function () {
				self.pick($(this));
				return false;
			});
		},

		search: function () {
			var self = this, term = $.trim(this.$input.val());
			if (term.length < this.options.minLength) return this.close();
			if (this.cache.hasOwnProperty(term)) return this.render(this.cache[term]);
			if (this.xhr) this.xhr.abort();

			var data = {};
			data[this.options.param] = term;
			this.xhr = $.getJSON(this.options.url, data)
				.done(function (items) {
					self.cache[term] = items;
					self.render(items);
				})
				.fail(function (xhr, status) {
					if (status !== 'abort' && window.console) console.warn('suggest: ' + status);
				})
				.always(function () { self.xhr = null; });
		},

		render: function (items) {
			if (!items.length) return this.close();
			this.$list.empty().append($.map(items.slice(0, this.options.maxItems), function (item) {
				return $('<li role="option"/>').text(item.label || item).data('item', item)[0];
			})).show();
			this.$input.trigger('suggest:open');
		},

		_onKey: function (e) {
			var $active = this.$list.children('.active'), $next;
			switch (e.which) {
			case KEY.DOWN:
			case KEY.UP:
				$next = e.which === KEY.DOWN ? $active.next() : $active.prev();
				if (!$next.length) $next = this.$list.children(e.which === KEY.DOWN ? ':first' : ':last');
				$active.removeClass('active');
				$next.addClass('active');
				return false;
			case KEY.ENTER:
			case KEY.TAB:
				if ($active.length) this.pick($active);
				return e.which === KEY.TAB;
			case KEY.ESC:
				this.close();
			}
		},

		pick: function ($li) {
			var item = $li.data('item');
			this.$input.val(item.label || item).trigger('suggest:select', [item]);
			this.options.select.call(this.$input[0], item);
			this.close();
		},

		close: function () {
			if (this.$list.is(':visible')) this.$input.trigger('suggest:close');
			this.$list.hide();
		}
	};

	$.fn[pluginName] = function (options) {
		return this.each(function () {
			if (!$.data(this, pluginName)) $.data(this, pluginName, new Suggest(this, options));
		});
	};
})(jQuery);
